"""Parquet files; only the columns that a recipe needs are read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from penstock.batches import RowStats
from penstock.sources._base import FileSource, InputSplit
from penstock.sources._files import open_raw, size_of
from penstock.sources._rows import Numbered, RecordSource
from penstock.sources._tables import group_splits, reading_table, table_records, wanted_columns

_BATCH_BYTES = 1 << 21
_MAX_ROWS = 1 << 13


class ParquetSource(RecordSource, FileSource):
    """Rows from Parquet files. An input split is one or more consecutive row groups."""

    def file_splits(self, path: str, split_bytes: int) -> list[InputSplit]:
        """Return ranges of rows, of about `split_bytes` of Parquet, that end with a row group."""
        # pyarrow 26 crashes when it reads the compressed size of the columns of a corrupt file, so
        # the size of a row group is estimated as its share of the file.
        file_size = size_of(path) or 0
        with reading_table(path), open_raw(path, seekable=True) as stream:
            metadata = _open(stream).metadata
            groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
            uncompressed = max(1, sum(group.total_byte_size for group in groups))
        sizes = [(g.num_rows, file_size * g.total_byte_size // uncompressed) for g in groups]
        return group_splits(path, sizes, split_bytes)

    def read_records(self, input_split: InputSplit, stats: RowStats) -> Iterator[Numbered]:
        path = input_split.path
        with reading_table(path), open_raw(path, seekable=True) as stream:
            table = _open(stream)
            columns = wanted_columns(self, table.schema_arrow.names, path)
            groups = _row_groups(table, input_split)
            rows = _rows_per_batch(table, groups)
            number = 0
            for batch in table.iter_batches(
                rows, row_groups=groups, columns=columns, use_threads=False
            ):
                yield from table_records(batch, number, stats)
                number += batch.num_rows


def _open(stream: Any) -> Any:
    from pyarrow.parquet import ParquetFile

    return ParquetFile(stream)


def _row_groups(table: Any, input_split: InputSplit) -> list[int]:
    groups, start = [], 0
    for index in range(table.metadata.num_row_groups):
        if input_split.start <= start and (input_split.stop is None or start < input_split.stop):
            groups.append(index)
        start += table.metadata.row_group(index).num_rows
    return groups


def _rows_per_batch(table: Any, groups: list[int]) -> int:
    """Return the number of rows that are about two megabytes uncompressed."""
    found = [table.metadata.row_group(index) for index in groups]
    rows, size = sum(g.num_rows for g in found), sum(g.total_byte_size for g in found)
    return max(1, min(_MAX_ROWS, int(rows * _BATCH_BYTES // max(size, 1))))


SOURCE = ParquetSource
