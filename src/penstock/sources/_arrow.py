"""Arrow files (streams) as Hugging Face `datasets` writes them: rows by input_split."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from penstock.batches import RowBatch, RowStats
from penstock.errors import DataError
from penstock.sources._base import InputSplit
from penstock.sources._columns import reading_table, refuse_damaged, table_records, wanted_columns
from penstock.sources._files import AGAIN, is_url, open_raw, size_of
from penstock.sources._rows import FieldSource, chosen, in_batches

#: How a stream of Arrow ends.
_ARROW_END = b"\xff\xff\xff\xff\x00\x00\x00\x00"


class ArrowSource(FieldSource):
    """Rows from Arrow files. An input split is one batch of a file or several that follow each other."""

    @abstractmethod
    def arrow_files(self) -> list[str]:
        """Return the files, in order; raises as `inputs` does."""

    def input_splits(self, piece_bytes: int) -> list[InputSplit]:
        """Return ranges of rows of local files, each of about `piece_bytes`, and others whole."""
        return [
            input_split for path in self.arrow_files() for input_split in _pieces(path, piece_bytes)
        ]

    def read(self, input_split: InputSplit, stats: RowStats) -> Iterator[RowBatch]:
        """Yield the rows of an input split. Raises DataError for a missing column or a damaged file."""
        yield from in_batches(chosen(self._records(input_split, stats), self.choice(), stats))

    def place(self, input_split: InputSplit, number: int) -> tuple[str, int]:
        """Return the file and which of its rows (from 1) a row is."""
        return input_split.path, input_split.start + number + 1

    def _records(
        self, input_split: InputSplit, stats: RowStats
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        position = 0
        with reading_table(input_split.path), _open(input_split.path) as table:
            columns = wanted_columns(self, table.schema.names, input_split.path)
            for batch in table:
                if input_split.start <= position and (
                    input_split.stop is None or position < input_split.stop
                ):
                    refuse_damaged(batch, input_split.path)
                    first = position - input_split.start
                    yield from table_records(batch.select(columns), first, stats)
                position += batch.num_rows


def _pieces(path: str, piece_bytes: int) -> list[InputSplit]:
    if is_url(path):  # to find the batches, all of it would have to be read
        return [InputSplit(path, size=size_of(path) or 0)]
    input_splits: list[InputSplit] = []
    start = stop = size = 0
    with reading_table(path), _open(path) as table:
        for batch in table:
            stop += batch.num_rows
            size += batch.nbytes
            if size >= piece_bytes:
                input_splits.append(InputSplit(path, start, stop, size))
                start, size = stop, 0
    return [*input_splits, InputSplit(path, start, stop, size)] if stop > start else input_splits


@contextmanager
def _open(path: str) -> Iterator[Any]:
    """Yield the reader of a file of Arrow streams; raises DataError for one that breaks off.

    The reader itself takes a file that ends behind any batch for a whole one.
    """
    import pyarrow

    with open_raw(path, seekable=True) as stream:
        stream.seek(max(0, (size_of(path) or 0) - len(_ARROW_END)))
        if stream.read() != _ARROW_END:
            raise DataError(f"breaks off; {AGAIN}", file=path)
        stream.seek(0)
        file = pyarrow.PythonFile(stream) if is_url(path) else pyarrow.memory_map(path)
        with file, pyarrow.ipc.open_stream(file) as table:
            yield table
