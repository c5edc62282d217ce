"""Arrow files (streams) as Hugging Face `datasets` writes them: rows by piece."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from penstock.batches import RowBatch, Tally
from penstock.errors import DataError
from penstock.sources._base import Piece
from penstock.sources._columns import reading_table, refuse_damaged, table_records, wanted_columns
from penstock.sources._files import AGAIN, is_url, open_raw, size_of
from penstock.sources._rows import FieldSource, chosen, in_batches

#: How a stream of Arrow ends.
_ARROW_END = b"\xff\xff\xff\xff\x00\x00\x00\x00"


class ArrowSource(FieldSource):
    """Rows from Arrow files. A piece is one batch of a file or several that follow each other."""

    @abstractmethod
    def arrow_files(self) -> list[str]:
        """Return the files, in order; raises as `inputs` does."""

    def pieces(self, piece_bytes: int) -> list[Piece]:
        """Return ranges of rows of local files, each of about `piece_bytes`, and others whole."""
        return [piece for path in self.arrow_files() for piece in _pieces(path, piece_bytes)]

    def read(self, piece: Piece, tally: Tally) -> Iterator[RowBatch]:
        """Yield the rows of a piece. Raises DataError for a missing column or a damaged file."""
        yield from in_batches(chosen(self._records(piece, tally), self.choice(), tally))

    def place(self, piece: Piece, number: int) -> tuple[str, int]:
        """Return the file and which of its rows (from 1) a row is."""
        return piece.path, piece.start + number + 1

    def _records(self, piece: Piece, tally: Tally) -> Iterator[tuple[int, dict[str, Any]]]:
        position = 0
        with reading_table(piece.path), _open(piece.path) as table:
            columns = wanted_columns(self, table.schema.names, piece.path)
            for batch in table:
                if piece.start <= position and (piece.stop is None or position < piece.stop):
                    refuse_damaged(batch, piece.path)
                    first = position - piece.start
                    yield from table_records(batch.select(columns), first, tally)
                position += batch.num_rows


def _pieces(path: str, piece_bytes: int) -> list[Piece]:
    if is_url(path):  # to find the batches, all of it would have to be read
        return [Piece(path, size=size_of(path) or 0)]
    pieces: list[Piece] = []
    start = stop = size = 0
    with reading_table(path), _open(path) as table:
        for batch in table:
            stop += batch.num_rows
            size += batch.nbytes
            if size >= piece_bytes:
                pieces.append(Piece(path, start, stop, size))
                start, size = stop, 0
    return [*pieces, Piece(path, start, stop, size)] if stop > start else pieces


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
