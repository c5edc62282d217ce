"""Reads a pair of `.bin` and `.idx` where it lies: nothing but the header is read to open it."""

from __future__ import annotations

import mmap
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
    cut_short,
    read_layout,
)

_MEND = "the index is damaged: copy both files again, or make them again"


class IndexedReader:
    """The sequences and documents of one pair of files, mapped into memory.

    `prefix` is the common path of both, with or without their suffix. Opening costs the same
    whatever the size: the header and the sizes of the files are compared, no more. Every read
    then proves the part of the index that it uses, so that a damaged index is a DataError and
    never other tokens. Arrays are views, read-only, and stay good after the reader is gone.

    `ids` (flat, in `dtype`) is the whole `.bin`; `lengths` (int32, in tokens), `addresses` (int64,
    in bytes) and `modes` (int8, None in most data) are a sequence's; `starts` (int64, one more than
    documents) has the number of each document's first sequence. A reader goes to worker processes
    by its path. `codes="deepspeed"` gives dtype codes the meaning that DeepSpeed gives them.

    Raises DataError, naming the file and the mend, for what is missing, cut short or does not fit.
    """

    def __init__(self, prefix: Path | str, *, codes: Codes = "megatron") -> None:
        self.prefix = prefix_of(Path(prefix))
        self.codes = codes
        self.idx_path = _beside(self.prefix, ".idx")
        self.bin_path = _beside(self.prefix, ".bin")
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
        # What every read asks for, bound once.
        self._length, self._address = self.lengths.item, self.addresses.item
        self._width = layout.dtype.itemsize

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen, (self.prefix.absolute(), self.codes)

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

        Raises IndexError for what the sequence does not have.
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
        """Return the ids of a document (a view), its sequences one after the other."""
        if not -self.documents <= number < self.documents:
            raise IndexError(f"there are {self.documents:,} documents, numbered from 0")
        number %= self.documents
        start, stop = self.document_bounds(number, number + 1)
        ids: NDArray[Any] = self.ids[start:stop]
        return ids

    def document_bounds(self, start: int, stop: int) -> NDArray[np.int64]:
        """Return where the documents `start` to before `stop` begin in `ids`, and the last ends.

        Raises DataError where the index does not prove it.
        """
        starts = self.document_starts(start, stop)
        bounds = self.sequence_bounds(int(starts[0]), int(starts[-1]))
        return np.asarray(bounds[starts - starts[0]])

    def document_starts(self, start: int, stop: int) -> NDArray[np.int64]:
        """Return the first sequence of the documents `start` to before `stop`, and the end.

        Raises DataError where a document begins before the one ahead of it ends.
        """
        starts = self.starts[start : stop + 1].astype(np.int64)
        wrong = np.flatnonzero((starts[1:] < starts[:-1]) | (starts[1:] > self.sequences))
        if starts[0] < 0 or wrong.size:
            number = start + int(wrong[0]) if wrong.size else start
            raise DataError(
                f"document {number:,} does not end where the next begins; {_MEND}",
                file=self.idx_path,
            )
        return starts

    def sequence_bounds(self, start: int, stop: int) -> NDArray[np.int64]:
        """Return where the sequences `start` to before `stop` begin in `ids`, and the last ends.

        Raises DataError where address and length do not lead from one to the next.
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
        """Raise DataError where the dtype is none of ids."""
        if self.dtype.kind not in "iu":
            raise DataError(
                f"holds {self.dtype.name}, which are no ids; where DeepSpeed wrote it, the dtype "
                "code means another: IndexedReader(prefix, codes='deepspeed') reads it",
                file=self.idx_path,
            )

    def verify(self, block: int = 1 << 20) -> None:
        """Prove the whole index, block by block; raises DataError at the first thing wrong."""
        for start in range(0, self.sequences, block):
            self.sequence_bounds(start, min(start + block, self.sequences))
        for start in range(0, self.documents, block):
            self.document_starts(start, start + block)

    def _damaged(self, sequence: int) -> DataError:
        return DataError(
            f"address and length of sequence {sequence:,} do not lead to the next; {_MEND}",
            file=self.idx_path,
        )

    def _verify_ends(self, layout: Layout) -> None:
        """Compare the first and last entries of the index with the sizes."""
        if (self.starts.item(0), self.starts.item(-1)) != (0, self.sequences):
            raise DataError(
                f"the documents do not go from sequence 0 to {self.sequences:,}; {_MEND}",
                file=self.idx_path,
            )
        if self.sequences and self.addresses.item(0) != 0:
            raise self._damaged(0)
        told = self._told(layout.dtype)
        if told != self._size:
            raise DataError(
                f"{cut_short(self._size, told)}{self._other_codes(layout)}", file=self.bin_path
            )

    def _told(self, dtype: np.dtype[Any]) -> int:
        """Return the size that the index tells of the `.bin`."""
        if not self.sequences:
            return 0
        return int(self.addresses.item(-1) + self.lengths.item(-1) * dtype.itemsize)

    def _other_codes(self, layout: Layout) -> str:
        """Say so where the sizes fit when the dtype code is read as the other family reads it."""
        other: Codes = "deepspeed" if self.codes == "megatron" else "megatron"
        code = next(c for c, dtype in DTYPES[self.codes].items() if dtype == layout.dtype)
        dtype = DTYPES[other][code]
        if dtype == layout.dtype or self._told(dtype) != self._size:
            return ""
        return (
            f". The sizes fit where the dtype code {code} means {dtype.name}, as in files of "
            f"{other}'s, and not {layout.dtype.name}: open it with codes='{other}'"
        )


def prefix_of(path: Path) -> Path:
    """Return the common path of a pair; the path of either file stands for it."""
    return path.with_suffix("") if path.suffix in (".bin", ".idx") else path


def pair_files(prefix: Path) -> tuple[Path, Path]:
    """Return the `.bin` and the `.idx` of a prefix."""
    return _beside(prefix, ".bin"), _beside(prefix, ".idx")


def _beside(prefix: Path, suffix: str) -> Path:
    return prefix.with_name(prefix.name + suffix)


def _reopen(prefix: Path, codes: Codes) -> IndexedReader:
    return IndexedReader(prefix, codes=codes)


def _map(path: Path) -> mmap.mmap | bytes:
    """Map a file into memory; nothing closes it while an array looks into it."""
    try:
        with path.open("rb") as stream:
            # An empty file cannot be mapped.
            if not path.stat().st_size:
                return b""
            return mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    except FileNotFoundError:
        other = path.with_suffix(".bin" if path.suffix == ".idx" else ".idx")
        hint = (
            f" beside {other.name}: what wrote it did not finish, or the file was not copied"
            if other.is_file()
            else ""
        )
        raise DataError(f"there is no such file{hint}", file=path) from None
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", file=path) from None


def _array(buffer: mmap.mmap | bytes, dtype: np.dtype[Any], at: int, count: int) -> NDArray[Any]:
    """Return `count` values of a mapped file as an array that holds the mapping."""
    if not count:
        return np.empty(0, dtype)
    return np.frombuffer(buffer, dtype, count, at)
