"""Writes pairs of `.bin` and `.idx`, from blocks of tokens or from other pairs.

The counts are known in advance, so that each array of the index is written at its final offset and
memory does not grow with the dataset.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from penstock.errors import ConfigError, ConflictError, DataError
from penstock.files import HashedFile
from penstock.formats.megatron.layout import ADDRESS, LENGTH, MODE, Layout
from penstock.formats.megatron.reader import IndexedReader, pair_files, prefix_of

#: `merge` copies this many documents at a time.
_DOCUMENTS = 1 << 20


class IndexWriter:
    """Writes an `.idx` of known counts, in blocks of any size.

    A context manager; its exit raises RuntimeError if the counts do not match `layout`.
    """

    def __init__(self, path: Path, layout: Layout) -> None:
        self.layout = layout
        self._sequences = self._bytes = self._documents = self._modes = 0
        self._open = ExitStack()
        with path.open("wb") as out:
            out.write(layout.header())
        offsets = (layout.lengths_at, layout.addresses_at, layout.documents_at, layout.modes_at)
        streams = [self._open.enter_context(path.open("r+b")) for _ in offsets]
        for stream, offset in zip(streams, offsets, strict=True):
            stream.seek(offset)
        self._lengths_out, self._addresses_out, self._documents_out, self._modes_out = streams
        self._documents_out.write(np.zeros(1, ADDRESS).tobytes())

    def add_sequences(self, lengths: NDArray[Any]) -> None:
        """Append sequences, given their lengths in tokens."""
        ends = np.cumsum(lengths, dtype=np.int64) * self.layout.dtype.itemsize + self._bytes
        addresses = np.concatenate(([self._bytes], ends))
        self._lengths_out.write(np.ascontiguousarray(lengths, LENGTH).data)
        self._addresses_out.write(addresses[:-1].astype(ADDRESS).data)
        self._bytes = int(addresses[-1])
        self._sequences += len(lengths)

    def add_documents(self, ends: NDArray[Any]) -> None:
        """Append documents, given the number of sequences up to the end of each."""
        self._documents_out.write(np.ascontiguousarray(ends, ADDRESS).data)
        self._documents += len(ends)

    def add_modes(self, modes: NDArray[Any]) -> None:
        self._modes_out.write(np.ascontiguousarray(modes, MODE).data)
        self._modes += len(modes)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *raised: object) -> None:
        self._open.close()
        layout = self.layout
        written = (self._sequences, self._documents, self._modes)
        expected = (layout.sequences, layout.documents, layout.sequences * layout.modes)
        if kind is None and written != expected:
            message = f"sequences, documents and modes: {written} written, {expected} expected"
            raise RuntimeError(message)


class PairWriter:
    """Appends documents to an open pair of files; returned by `write_pair`."""

    def __init__(self, tokens: HashedFile, index: IndexWriter, path: Path) -> None:
        self._tokens, self._index, self._path = tokens, index, path
        self._ended = 0

    @property
    def sha256(self) -> str:
        """`sha256:<hex>` of the `.bin`, after the pair is written."""
        return self._tokens.sha256

    def add(
        self,
        ids: NDArray[Any],
        lengths: NDArray[Any],
        sequences: NDArray[Any],
        modes: NDArray[Any] | None = None,
    ) -> None:
        """Append documents: flat ids, the length of each sequence, the sequences of each document.

        Raises DataError for an id outside of the dtype, and for lengths that do not add up.
        """
        total = int(lengths.sum(dtype=np.int64))
        if total != len(ids) or int(sequences.sum(dtype=np.int64)) != len(lengths):
            message = f"{len(ids):,} tokens have {len(lengths):,} lengths that sum to {total:,}"
            raise DataError(message, file=self._path)
        # A view of a mapped file is written without a copy, unless the dtype differs.
        self._tokens.write(np.ascontiguousarray(self._stored(ids)).data)
        self._index.add_sequences(lengths)
        ends = np.cumsum(sequences, dtype=np.int64) + self._ended
        self._index.add_documents(ends)
        if modes is not None:
            self._index.add_modes(modes)
        self._ended = int(ends[-1]) if len(ends) else self._ended

    def _stored(self, ids: NDArray[Any]) -> NDArray[Any]:
        """Return ids in the dtype of the file, without overflow."""
        dtype = self._index.layout.dtype
        if ids.dtype == dtype or not len(ids):
            return ids.astype(dtype, copy=False)
        if ids.dtype.kind not in "iu":
            raise DataError(f"ids must be integers, not {ids.dtype.name}", file=self._path)
        bounds = np.iinfo(dtype)
        low, high = int(ids.min()), int(ids.max())
        if low < bounds.min or high > bounds.max:
            raise DataError(
                f"the id {high if high > bounds.max else low} does not fit in {dtype.name}; "
                "the ids are not from the vocabulary of the dataset",
                file=self._path,
            )
        return ids.astype(dtype)


@contextmanager
def write_pair(
    prefix: Path, dtype: np.dtype[Any], *, sequences: int, documents: int, modes: bool = False
) -> Iterator[PairWriter]:
    """Write `PREFIX.bin` and `PREFIX.idx`; both are removed if the block raises.

    `sequences` and `documents` are the total counts; with `modes` each sequence has a mode. Ids of
    another dtype are stored as `dtype`.
    """
    bin_path, idx_path = pair_files(prefix)
    layout = Layout(dtype, sequences, documents, modes)
    try:
        with HashedFile(bin_path) as tokens, IndexWriter(idx_path, layout) as index:
            yield PairWriter(tokens, index, bin_path)
    except BaseException:
        for path in (bin_path, idx_path):
            path.unlink(missing_ok=True)
        raise


def merge(prefixes: Sequence[Path | str], output_prefix: Path | str) -> str:
    """Concatenate pairs, as Megatron's `tools/merge_datasets.py` does; return the `.bin`'s hash.

    Tokens are copied as bytes; each index is verified. Raises ConfigError for prefixes of several
    dtypes or with and without modes, ConflictError if the output exists, DataError for damaged
    input.
    """
    output = prefix_of(Path(output_prefix))
    for path in pair_files(output):
        if path.exists():
            raise ConflictError(f"{path} exists already; remove it or choose another output")
    readers = [IndexedReader(prefix) for prefix in prefixes]
    if not readers:
        raise ConfigError("nothing to merge; name the prefix of at least one .bin/.idx pair")
    first, *others = readers
    for reader in others:
        if reader.dtype != first.dtype:
            raise ConfigError(
                f"{reader.prefix} holds {reader.dtype.name} and {first.prefix} {first.dtype.name}; "
                "merging requires one dtype: tokenize them with the same tokenizer"
            )
        if (reader.modes is None) != (first.modes is None):
            with_modes, without = (reader, first) if first.modes is None else (first, reader)
            raise ConfigError(
                f"{with_modes.prefix} has modes and {without.prefix} has none; multimodal data can "
                "only be merged with multimodal data"
            )
    output.parent.mkdir(parents=True, exist_ok=True)
    with write_pair(
        output,
        first.dtype,
        sequences=sum(reader.sequences for reader in readers),
        documents=sum(reader.documents for reader in readers),
        modes=first.modes is not None,
    ) as out:
        for reader in readers:
            for start in range(0, reader.documents, _DOCUMENTS):
                starts = reader.document_starts(start, start + _DOCUMENTS)
                sequences = slice(int(starts[0]), int(starts[-1]))
                bounds = reader.sequence_bounds(sequences.start, sequences.stop)
                modes = None if reader.modes is None else reader.modes[sequences]
                out.add(reader.ids[bounds[0] : bounds[-1]], np.diff(bounds), np.diff(starts), modes)
    return out.sha256
