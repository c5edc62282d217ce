"""Writes a pair of `.bin` and `.idx`, both at once, as blocks of tokens come by.

The counts are known before the first token, so that every part of the index has its place and grows
there: no list of lengths is kept, whatever the size.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from penstock.errors import DataError
from penstock.files import HashedFile
from penstock.formats.megatron.layout import ADDRESS, LENGTH, MODE, Layout
from penstock.formats.megatron.reader import pair_files


class IndexWriter:
    """Fills an `.idx` of known counts; lengths, documents and modes may come in any blocks.

    Used in a `with` block, which raises RuntimeError when not all came that were announced.
    """

    def __init__(self, path: Path, layout: Layout) -> None:
        self.layout = layout
        self._sequences = self._bytes = self._documents = self._modes = 0
        self._open = ExitStack()
        with path.open("wb") as out:
            out.write(layout.header())
        places = (layout.lengths_at, layout.addresses_at, layout.documents_at, layout.modes_at)
        streams = [self._open.enter_context(path.open("r+b")) for _ in places]
        for stream, place in zip(streams, places, strict=True):
            stream.seek(place)
        self._lengths_out, self._addresses_out, self._documents_out, self._modes_out = streams
        self._documents_out.write(np.zeros(1, ADDRESS).tobytes())

    def add_sequences(self, lengths: NDArray[Any]) -> None:
        """Append sequences of these lengths in tokens; their addresses follow from them."""
        ends = np.cumsum(lengths, dtype=np.int64) * self.layout.dtype.itemsize + self._bytes
        addresses = np.concatenate(([self._bytes], ends))
        self._lengths_out.write(np.ascontiguousarray(lengths, LENGTH).data)
        self._addresses_out.write(addresses[:-1].astype(ADDRESS).data)
        self._bytes = int(addresses[-1])
        self._sequences += len(lengths)

    def add_documents(self, ends: NDArray[Any]) -> None:
        """Append documents by the number of sequences up to the end of each."""
        self._documents_out.write(np.ascontiguousarray(ends, ADDRESS).data)
        self._documents += len(ends)

    def add_modes(self, modes: NDArray[Any]) -> None:
        """Append the modes of sequences."""
        self._modes_out.write(np.ascontiguousarray(modes, MODE).data)
        self._modes += len(modes)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()
        layout = self.layout
        came = (self._sequences, self._documents, self._modes)
        announced = (layout.sequences, layout.documents, layout.sequences * layout.modes)
        if kind is None and came != announced:
            raise RuntimeError(
                f"sequences, documents and modes: {came} came, {announced} were announced"
            )


class PairWriter:
    """Appends documents to an open pair of files; `write_pair` gives one."""

    def __init__(self, tokens: HashedFile, index: IndexWriter, path: Path) -> None:
        self._tokens = tokens
        self._index = index
        self._path = path
        self._ended = 0

    @property
    def sha256(self) -> str:
        """`sha256:<hex>` of the `.bin`, once the pair is written."""
        return self._tokens.sha256

    def add(self, ids: NDArray[Any], lengths: NDArray[Any], sequences: NDArray[Any]) -> None:
        """Append documents: their ids, flat; the length of each sequence; each one's sequences.

        Raises DataError for an id that the dtype does not hold, and for lengths that do not add up.
        """
        told = int(lengths.sum(dtype=np.int64))
        if told != len(ids) or int(sequences.sum(dtype=np.int64)) != len(lengths):
            raise DataError(
                f"{len(ids):,} tokens came with {len(lengths):,} lengths that sum to {told:,}; "
                "nothing is shifted to make them fit",
                file=self._path,
            )
        # A view of a mapped file goes straight to the other file; only another dtype is copied.
        self._tokens.write(np.ascontiguousarray(self._stored(ids)).data)
        self._index.add_sequences(lengths)
        ends = np.cumsum(sequences, dtype=np.int64) + self._ended
        self._index.add_documents(ends)
        self._ended = int(ends[-1]) if len(ends) else self._ended

    def _stored(self, ids: NDArray[Any]) -> NDArray[Any]:
        """Return ids in the dtype of the file; none is ever wrapped round."""
        dtype = self._index.layout.dtype
        if ids.dtype == dtype or not len(ids):
            return ids.astype(dtype, copy=False)
        if ids.dtype.kind not in "iu":
            raise DataError(f"ids are whole numbers, not {ids.dtype.name}", file=self._path)
        bounds = np.iinfo(dtype)
        low, high = int(ids.min()), int(ids.max())
        if low < bounds.min or high > bounds.max:
            raise DataError(
                f"the id {high if high > bounds.max else low} does not fit into {dtype.name}; "
                "the ids are not of the vocabulary that was named",
                file=self._path,
            )
        return ids.astype(dtype)


@contextmanager
def write_pair(
    prefix: Path, dtype: np.dtype[Any], *, sequences: int, documents: int
) -> Iterator[PairWriter]:
    """Write `PREFIX.bin` and `PREFIX.idx`, both or, when the block raises, neither.

    `sequences` and `documents` say how many will come. Ids of another dtype are stored as `dtype`.
    """
    bin_path, idx_path = pair_files(prefix)
    layout = Layout(dtype, sequences, documents)
    try:
        with HashedFile(bin_path) as tokens, IndexWriter(idx_path, layout) as index:
            yield PairWriter(tokens, index, bin_path)
    except BaseException:
        for path in (bin_path, idx_path):
            path.unlink(missing_ok=True)
        raise
