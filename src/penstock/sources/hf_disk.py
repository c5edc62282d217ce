"""Datasets that Hugging Face `datasets` saved with `save_to_disk`; the package is not needed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
from pydantic import Field

from penstock.batches import RowBatch, Tally
from penstock.errors import ConfigError, DataError, did_you_mean
from penstock.fields import kind_of
from penstock.sources._base import Piece
from penstock.sources._columns import reading_table, refuse_damaged, table_records, wanted_columns
from penstock.sources._files import AGAIN, exists, is_url, open_raw, reading, size_of
from penstock.sources._rows import RowSource, chosen, in_batches

_STATE = "state.json"
_SPLITS = "dataset_dict.json"
#: How a stream of Arrow ends.
_ARROW_END = b"\xff\xff\xff\xff\x00\x00\x00\x00"


class HfDiskSource(RowSource):
    """Rows from a folder of Arrow files with their `state.json`, or one split of several."""

    path: str = Field(description="The folder, or its URL.")
    split: str | None = Field(None, description="The split, where the folder has several.")

    def inputs(self) -> list[str]:
        """Return `state.json` and the Arrow files that it names.

        Raises ConfigError for a folder that is none, and for a dataset that is a selection of rows.
        """
        folder = self._folder()
        state = _json(f"{folder}/{_STATE}")
        if state.get("_indices_data_files") or state.get("_indices_files"):
            raise ConfigError(
                "is a selection of rows of its files; save it again with "
                "dataset.flatten_indices().save_to_disk(...)",
                file=folder,
            )
        try:
            files = [f"{folder}/{entry['filename']}" for entry in state["_data_files"]]
        except (KeyError, TypeError):
            raise DataError(
                "names no Arrow files; save the dataset again", file=f"{folder}/{_STATE}"
            ) from None
        return [f"{folder}/{_STATE}", *files]

    def pieces(self, piece_bytes: int) -> list[Piece]:
        """Return ranges of rows of local files, each of about `piece_bytes`, and others whole."""
        files = self.inputs()[1:]
        return [piece for path in files for piece in _pieces(path, piece_bytes)]

    def read(self, piece: Piece, tally: Tally) -> Iterator[RowBatch]:
        """Yield the rows of a piece. Raises DataError for a missing column or a damaged file."""
        yield from in_batches(chosen(self._records(piece, tally), self.choice(), tally))

    def place(self, piece: Piece, number: int) -> tuple[str, int]:
        """Return the file and which of its rows (from 1) a row is."""
        return piece.path, piece.start + number + 1

    def _folder(self) -> str:
        folder = self.path.rstrip("/")
        if not exists(f"{folder}/{_SPLITS}"):
            if not exists(f"{folder}/{_STATE}"):
                raise ConfigError(
                    f"holds neither {_STATE} nor {_SPLITS}; name a folder that save_to_disk wrote",
                    file=folder,
                )
            if self.split is not None:
                raise ConfigError("holds one dataset and no splits; leave out split", file=folder)
            return folder
        splits = _json(f"{folder}/{_SPLITS}").get("splits", [])
        if self.split not in splits:
            hint = did_you_mean(self.split, splits) if self.split else ""
            raise ConfigError(f"set split to one of: {', '.join(splits)}{hint}", file=folder)
        return f"{folder}/{self.split}"

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


def _json(path: str) -> dict[str, Any]:
    with reading(path), open_raw(path) as stream:
        content = stream.read()
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise DataError(f"not JSON ({error.msg})", file=path, line=error.lineno) from None
    if type(value) is not dict:
        raise DataError(f"{kind_of(value)}, must be an object", file=path)
    return value


SOURCE = HfDiskSource
