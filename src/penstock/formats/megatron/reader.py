"""Reads a pair of `.bin` and `.idx` by memory mapping; opening it reads only the header."""

from __future__ import annotations

import mmap
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock.errors import DataError
from penstock.formats.megatron.layout import (
    ADDRESS,
    DTYPES,
    LENGTH,
    MODE,
    Codes,
    Layout,
    read_layout,
    wrong_size,
)

_FIX = "the index is damaged: copy both files again, or rebuild them"


class IndexedReader:
    """The sequences and documents of one pair of files, mapped into memory.

    `prefix` is the common path of both, with or without their suffix. Opening takes constant time:
    it compares the header with the sizes of the files. Every read then verifies the part of the
    index that it uses, so that a damaged index raises DataError and never yields other tokens.
    Arrays are read-only views and remain valid after the reader is deleted.

    `ids` (flat, in `dtype`) is the content of the `.bin`; `lengths` (int32, in tokens), `addresses`
    (int64, in bytes) and `modes` (int8, None in most data) have one value per sequence; `starts`
    (int64, documents + 1) is the first sequence of each document. A reader is pickled as its path.
    `codes="deepspeed"` reads dtype codes as DeepSpeed defines them.

    Raises DataError, naming the file and the fix, for files that are missing, truncated or do not
    belong together.
    """

    def __init__(self, prefix: Path | str, *, codes: Codes = "megatron") -> None:
        self.prefix = prefix_of(Path(prefix))
        self.codes = codes
        self.bin_path, self.idx_path = pair_files(self.prefix)
        index = _map(self.idx_path)
        layout = read_layout(self.idx_path, len(index), index[:64], codes)
        data = _map(self.bin_path)
        self.dtype = layout.dtype
        self.sequences, self.documents = layout.sequences, layout.documents
        self.lengths = _array(index, LENGTH, layout.lengths_at, layout.sequences)
        self.addresses = _array(index, ADDRESS, layout.addresses_at, layout.sequences)
        self.starts = _array(index, ADDRESS, layout.documents_at, layout.documents + 1)
        self.modes = (
            _array(index, MODE, layout.modes_at, layout.sequences) if layout.modes else None
        )
        self._size = len(data)
        self._verify_ends(layout)
        self.ids = _array(data, layout.dtype, 0, self._size // layout.dtype.itemsize)
        # Bound once, as every read calls them.
        self._length, self._address = self.lengths.item, self.addresses.item
        self._width = layout.dtype.itemsize

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(IndexedReader, codes=self.codes), (self.prefix.absolute(),)

    def __len__(self) -> int:
        return self.sequences

    def __getitem__(self, sequence: int) -> NDArray[Any]:
        return self.read(sequence)

    @property
    def tokens(self) -> int:
        """The number of tokens of all sequences."""
        return len(self.ids)

    def read(self, sequence: int, offset: int = 0, length: int | None = None) -> NDArray[Any]:
        """Return the ids of a sequence (a view), or `length` of them from `offset`.

        Raises IndexError outside of the sequences and of the sequence's tokens.
        """
        if sequence < 0:
            sequence += self.sequences
        if not 0 <= sequence < self.sequences:
            raise IndexError(f"there are {self.sequences:,} sequences, numbered from 0")
        start, count, following = self._address(sequence), self._length(sequence), sequence + 1
        end = self._address(following) if following < self.sequences else self._size
        if start + count * self._width != end or start < 0 or end > self._size or count < 0:
            raise self._damaged(sequence)
        first, remainder = divmod(start, self._width)
        if remainder:
            raise self._damaged(sequence)
        stop = count if length is None else offset + length
        if not 0 <= offset <= stop <= count:
            raise IndexError(f"sequence {sequence:,} has {count:,} tokens, not {offset}:{stop}")
        ids: NDArray[Any] = self.ids[first + offset : first + stop]
        return ids

    def document(self, number: int) -> NDArray[Any]:
        """Return the ids of a document (a view), all its sequences in order."""
        if not -self.documents <= number < self.documents:
            raise IndexError(f"there are {self.documents:,} documents, numbered from 0")
        number %= self.documents
        start, stop = self.document_bounds(number, number + 1)
        ids: NDArray[Any] = self.ids[start:stop]
        return ids

    def document_bounds(self, start: int, stop: int) -> NDArray[np.int64]:
        """Return the offsets in `ids` of the documents `start` to before `stop`, and the end.

        Raises DataError if the index is damaged.
        """
        starts = self.document_starts(start, stop)
        bounds = self.sequence_bounds(int(starts[0]), int(starts[-1]))
        return np.asarray(bounds[starts - starts[0]])

    def document_starts(self, start: int, stop: int) -> NDArray[np.int64]:
        """Return the first sequence of the documents `start` to before `stop`, and the end.

        Raises DataError if a document begins before the previous one ends.
        """
        starts = self.starts[start : stop + 1].astype(np.int64)
        wrong = np.flatnonzero((starts[1:] < starts[:-1]) | (starts[1:] > self.sequences))
        if starts[0] < 0 or wrong.size:
            number = start + int(wrong[0]) if wrong.size else start
            message = f"document {number:,} does not end where the next begins; {_FIX}"
            raise DataError(message, file=self.idx_path)
        return starts

    def sequence_bounds(self, start: int, stop: int) -> NDArray[np.int64]:
        """Return the offsets in `ids` of the sequences `start` to before `stop`, and the end.

        Raises DataError if a sequence's address plus its length is not the next address.
        """
        end = self._address(stop) if stop < self.sequences else self._size
        bounds = np.empty(stop - start + 1, np.int64)
        bounds[:-1] = self.addresses[start:stop]
        bounds[-1] = end
        lengths = self.lengths[start:stop]
        wrong = np.flatnonzero((np.diff(bounds) != lengths * np.int64(self._width)) | (lengths < 0))
        if wrong.size:
            raise self._damaged(start + int(wrong[0]))
        if bounds[0] < 0 or bounds[0] % self._width or bounds[-1] > self._size:
            raise self._damaged(start)
        return bounds // self._width

    def require_ids(self) -> None:
        """Raise DataError if the dtype is not an integer type."""
        if self.dtype.kind not in "iu":
            raise DataError(
                f"holds {self.dtype.name}, which are not ids; DeepSpeed defines this dtype code "
                "differently: IndexedReader(prefix, codes='deepspeed') reads its files",
                file=self.idx_path,
            )

    def verify(self, block: int = 1 << 20) -> None:
        """Verify the complete index, block by block; raises DataError at the first error."""
        for start in range(0, self.sequences, block):
            self.sequence_bounds(start, min(start + block, self.sequences))
        for start in range(0, self.documents, block):
            self.document_starts(start, start + block)

    def _damaged(self, sequence: int) -> DataError:
        return DataError(
            f"address and length of sequence {sequence:,} do not match the next address; {_FIX}",
            file=self.idx_path,
        )

    def _verify_ends(self, layout: Layout) -> None:
        """Compare the first and last entries of the index with the sizes."""
        if (self.starts.item(0), self.starts.item(-1)) != (0, self.sequences):
            message = f"the documents do not range from sequence 0 to {self.sequences:,}; {_FIX}"
            raise DataError(message, file=self.idx_path)
        if self.sequences and self.addresses.item(0) != 0:
            raise self._damaged(0)
        expected = self._expected_size(layout.dtype)
        if expected != self._size:
            message = f"{wrong_size(self._size, expected)}{self._hint_other_codes(layout)}"
            raise DataError(message, file=self.bin_path)

    def _expected_size(self, dtype: np.dtype[Any]) -> int:
        """Return the size of the `.bin` according to the index."""
        if not self.sequences:
            return 0
        return int(self.addresses.item(-1) + self.lengths.item(-1) * dtype.itemsize)

    def _hint_other_codes(self, layout: Layout) -> str:
        """Return a hint if the size matches with the other definition of the dtype code."""
        other: Codes = "deepspeed" if self.codes == "megatron" else "megatron"
        code = next(c for c, dtype in DTYPES[self.codes].items() if dtype == layout.dtype)
        dtype = DTYPES[other][code]
        if dtype == layout.dtype or self._expected_size(dtype) != self._size:
            return ""
        return (
            f". The size matches if the dtype code {code} means {dtype.name}, as in {other}, and "
            f"not {layout.dtype.name}: open it with codes='{other}'"
        )


def prefix_of(path: Path) -> Path:
    """Return the common path of a pair, given it or the path of either file."""
    return path.with_suffix("") if path.suffix in (".bin", ".idx") else path


def pair_files(prefix: Path) -> tuple[Path, Path]:
    """Return the `.bin` and the `.idx` of a prefix."""
    return prefix.with_name(f"{prefix.name}.bin"), prefix.with_name(f"{prefix.name}.idx")


def _map(path: Path) -> mmap.mmap | bytes:
    """Map a file into memory; the mapping lives as long as an array uses it."""
    try:
        with path.open("rb") as stream:
            if not path.stat().st_size:
                return b""  # an empty file cannot be mapped
            return mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    except FileNotFoundError:
        other, hint = path.with_suffix(".bin" if path.suffix == ".idx" else ".idx"), ""
        if other.is_file():
            hint = f" beside {other.name}: its writer did not finish, or the file was not copied"
        raise DataError(f"there is no such file{hint}", file=path) from None
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", file=path) from None


def _array(buffer: mmap.mmap | bytes, dtype: np.dtype[Any], at: int, count: int) -> NDArray[Any]:
    """Return `count` values of a mapped file as an array that keeps the mapping alive."""
    if not count:
        return np.empty(0, dtype)
    return np.frombuffer(buffer, dtype, count, at)
