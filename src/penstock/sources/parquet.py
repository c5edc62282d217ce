"""Parquet files, of which only the columns that are needed are read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from penstock.batches import RowBatch, RowStats
from penstock.sources._base import InputSplit
from penstock.sources._columns import reading_table, table_records, wanted_columns
from penstock.sources._files import open_raw, size_of
from penstock.sources._rows import RowSource, chosen, in_batches

_BATCH_BYTES = 1 << 21
_MOST_ROWS = 1 << 13


class ParquetSource(RowSource):
    """Rows from Parquet files. An input split is one row group or several that follow each other."""

    def input_splits(self, piece_bytes: int) -> list[InputSplit]:
        """Return ranges of rows, of about `piece_bytes` of Parquet, that end with a row group."""
        return [input_split for path in self.inputs() for input_split in _pieces(path, piece_bytes)]

    def read(self, input_split: InputSplit, stats: RowStats) -> Iterator[RowBatch]:
        """Yield the rows of an input split. Raises DataError for a missing column or a damaged file."""
        yield from in_batches(chosen(self._records(input_split, stats), self.choice(), stats))

    def place(self, input_split: InputSplit, number: int) -> tuple[str, int]:
        """Return the file and which of its rows (from 1) a row is."""
        return input_split.path, input_split.start + number + 1

    def _records(
        self, input_split: InputSplit, stats: RowStats
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        with reading_table(input_split.path), open_raw(input_split.path, seekable=True) as stream:
            table = _open(stream)
            columns = wanted_columns(self, table.schema_arrow.names, input_split.path)
            groups = _groups(table, input_split)
            number = 0
            for batch in table.iter_batches(
                _rows_at_a_time(table, groups),
                row_groups=groups,
                columns=columns,
                use_threads=False,
            ):
                yield from table_records(batch, number, stats)
                number += batch.num_rows


def _open(stream: Any) -> Any:
    from pyarrow.parquet import ParquetFile

    return ParquetFile(stream)


def _pieces(path: str, piece_bytes: int) -> list[InputSplit]:
    input_splits: list[InputSplit] = []
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
                input_splits.append(InputSplit(path, start, stop, size))
                start, size = stop, 0
    return input_splits


def _groups(table: Any, input_split: InputSplit) -> list[int]:
    """Return the row groups of an input split."""
    groups, start = [], 0
    for index in range(table.metadata.num_row_groups):
        if input_split.start <= start and (input_split.stop is None or start < input_split.stop):
            groups.append(index)
        start += table.metadata.row_group(index).num_rows
    return groups


def _rows_at_a_time(table: Any, groups: list[int]) -> int:
    """Return how many rows are about two megabytes, as they are when unpacked."""
    found = [table.metadata.row_group(index) for index in groups]
    rows, size = sum(g.num_rows for g in found), sum(g.total_byte_size for g in found)
    return max(1, min(_MOST_ROWS, int(rows * _BATCH_BYTES // max(size, 1))))


SOURCE = ParquetSource
