"""Parquet files, of which only the columns that are needed are read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from penstock.batches import RowBatch, Tally
from penstock.sources._base import Piece
from penstock.sources._columns import reading_table, table_records, wanted_columns
from penstock.sources._files import open_raw, size_of
from penstock.sources._rows import RowSource, chosen, in_batches

_BATCH_BYTES = 1 << 21
_MOST_ROWS = 1 << 13


class ParquetSource(RowSource):
    """Rows from Parquet files. A piece is one row group or several that follow each other."""

    def pieces(self, piece_bytes: int) -> list[Piece]:
        """Return ranges of rows, of about `piece_bytes` of Parquet, that end with a row group."""
        return [piece for path in self.inputs() for piece in _pieces(path, piece_bytes)]

    def read(self, piece: Piece, tally: Tally) -> Iterator[RowBatch]:
        """Yield the rows of a piece. Raises DataError for a missing column or a damaged file."""
        yield from in_batches(chosen(self._records(piece, tally), self.choice(), tally))

    def place(self, piece: Piece, number: int) -> tuple[str, int]:
        """Return the file and which of its rows (from 1) a row is."""
        return piece.path, piece.start + number + 1

    def _records(self, piece: Piece, tally: Tally) -> Iterator[tuple[int, dict[str, Any]]]:
        with reading_table(piece.path), open_raw(piece.path, seekable=True) as stream:
            table = _open(stream)
            columns = wanted_columns(self, table.schema_arrow.names, piece.path)
            groups = _groups(table, piece)
            number = 0
            for batch in table.iter_batches(
                _rows_at_a_time(table, groups),
                row_groups=groups,
                columns=columns,
                use_threads=False,
            ):
                yield from table_records(batch, number, tally)
                number += batch.num_rows


def _open(stream: Any) -> Any:
    from pyarrow.parquet import ParquetFile

    return ParquetFile(stream)


def _pieces(path: str, piece_bytes: int) -> list[Piece]:
    pieces: list[Piece] = []
    start = stop = size = 0
    # The size of a group as it lies is told column by column, which for a damaged file ends the
    # process (pyarrow 26): it is taken to be the group's share of the file.
    file_size = size_of(path) or 0
    with reading_table(path), open_raw(path, seekable=True) as stream:
        metadata = _open(stream).metadata
        groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
        unpacked = max(1, sum(group.total_byte_size for group in groups))
        for group in groups:
            stop += group.num_rows
            size += file_size * group.total_byte_size // unpacked
            if size >= piece_bytes or group is groups[-1]:
                pieces.append(Piece(path, start, stop, size))
                start, size = stop, 0
    return pieces


def _groups(table: Any, piece: Piece) -> list[int]:
    """Return the row groups of a piece."""
    groups, start = [], 0
    for index in range(table.metadata.num_row_groups):
        if piece.start <= start and (piece.stop is None or start < piece.stop):
            groups.append(index)
        start += table.metadata.row_group(index).num_rows
    return groups


def _rows_at_a_time(table: Any, groups: list[int]) -> int:
    """Return how many rows are about two megabytes, as they are when unpacked."""
    found = [table.metadata.row_group(index) for index in groups]
    rows, size = sum(g.num_rows for g in found), sum(g.total_byte_size for g in found)
    return max(1, min(_MOST_ROWS, int(rows * _BATCH_BYTES // max(size, 1))))


SOURCE = ParquetSource
