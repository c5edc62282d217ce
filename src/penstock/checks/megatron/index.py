"""Whether an `.idx` is consistent, and whether it describes the `.bin` beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock.checks import _codes as codes
from penstock.errors import DataError
from penstock.findings import Collector
from penstock.formats.megatron import megatron_dtype
from penstock.formats.megatron.layout import (
    ADDRESS,
    DTYPES,
    LENGTH,
    MODE,
    Layout,
    read_layout,
)

#: How many entries of the index are checked at a time.
BLOCK = 1 << 20
_HEADER_BYTES = 64
_UINT16 = np.dtype("<u2")


@dataclass(frozen=True)
class Pair:
    """The two files of a prefix, with the arrays of the index memory-mapped.

    `lengths` (tokens) and `addresses` (bytes in the `.bin`) have one entry per sequence. `starts`
    has the first sequence of each document, then the number of sequences.
    """

    bin_path: Path
    idx_path: Path
    layout: Layout
    lengths: NDArray[np.int32]
    addresses: NDArray[np.int64]
    starts: NDArray[np.int64]

    @property
    def tokens(self) -> int:
        """The number of tokens in the `.bin`."""
        return self.bin_path.stat().st_size // self.layout.dtype.itemsize


def check_pair(bin_path: Path, idx_path: Path, collector: Collector) -> tuple[int, Pair | None]:
    """Check a pair; return its number of documents, and the pair if its tokens can be read."""
    for path, other in ((bin_path, idx_path), (idx_path, bin_path)):
        if not path.is_file():
            message = f"is missing beside {other.name}; the program that wrote it did not finish"
            collector.add(codes.FILE_MISSING, message, file=path)
    if not idx_path.is_file():
        return 0, None
    try:
        pair = _open(bin_path, idx_path)
    except DataError as error:
        collector.add(codes.INDEX_UNREADABLE, error.message, file=idx_path)
        return 0, None
    documents = pair.layout.documents
    dtype = _actual_dtype(pair, collector)
    sound = _check_lengths(pair, collector)
    sound &= _check_addresses(pair, dtype.itemsize, collector)
    sound &= _check_documents(pair, collector)
    if pair.layout.modes:
        sequences = pair.layout.sequences
        modes = np.unique(np.memmap(idx_path, MODE, "r", pair.layout.modes_at, sequences))
        message = f"each sequence has a mode ({', '.join(map(str, modes))}): multimodal data"
        collector.add(codes.MODES_PRESENT, message, file=idx_path)
    if not bin_path.is_file() or not (sound and _check_size(pair, dtype.itemsize, collector)):
        return documents, None
    readable = dtype == pair.layout.dtype and dtype.kind in "iu"
    return documents, pair if readable else None


def check_dtype(pair: Pair, vocab_size: int | None, collector: Collector) -> None:
    """Report a dtype too narrow for the vocabulary, or one that some tools would not expect.

    Megatron's builder uses int32 from 65,500 tokens, but its `token_dtype_code` uses uint16 up to
    65,536. Between the two, a tool that guesses the dtype reads wrong tokens.
    """
    if vocab_size is None:
        return
    dtype = pair.layout.dtype
    if dtype.kind in "iu" and vocab_size - 1 > np.iinfo(dtype).max:
        message = f"{dtype.name} cannot hold a vocabulary of {vocab_size:,}"
        collector.add(codes.DTYPE_NARROW, message, file=pair.idx_path)
    elif dtype == _UINT16 != megatron_dtype(vocab_size):
        message = (
            f"{dtype.name} with a vocabulary of {vocab_size:,}; Megatron's builder uses "
            f"{megatron_dtype(vocab_size).name}"
        )
        collector.add(codes.DTYPE_GUESSED, message, file=pair.idx_path)


def _open(bin_path: Path, idx_path: Path) -> Pair:
    size = idx_path.stat().st_size
    with idx_path.open("rb") as stream:
        layout = read_layout(idx_path, size, stream.read(_HEADER_BYTES), "megatron")

    def mapped(dtype: np.dtype[Any], at: int, count: int) -> NDArray[Any]:
        return np.memmap(idx_path, dtype, "r", at, count) if count else np.empty(0, dtype)

    return Pair(
        bin_path,
        idx_path,
        layout,
        mapped(LENGTH, layout.lengths_at, layout.sequences),
        mapped(ADDRESS, layout.addresses_at, layout.sequences),
        mapped(ADDRESS, layout.documents_at, layout.documents + 1),
    )


def _actual_dtype(pair: Pair, collector: Collector) -> np.dtype[Any]:
    """Return the dtype that fits the addresses; report one that Megatron's code does not mean."""
    declared = pair.layout.dtype
    code = next(code for code, dtype in DTYPES["megatron"].items() if dtype == declared)
    other = DTYPES["deepspeed"][code]
    if other != declared and _fits(pair, other) and not _fits(pair, declared):
        message = (
            f"the dtype code {code} means {other.name} in this file, as DeepSpeed writes it; "
            f"Megatron reads it as {declared.name}"
        )
        collector.add(codes.DTYPE_FOREIGN, message, file=pair.idx_path)
        return other
    if declared.kind == "f":
        message = f"the dtype code {code} means {declared.name}; token ids are integers"
        collector.add(codes.DTYPE_NO_TOKENS, message, file=pair.idx_path)
    elif other != declared:
        message = (
            f"the dtype code {code} means {declared.name}; DeepSpeed's reader takes it for "
            f"{other.name} and reads wrong tokens without an error"
        )
        collector.add(codes.DTYPE_DEEPSPEED, message, file=pair.idx_path)
    return declared


def _fits(pair: Pair, dtype: np.dtype[Any]) -> bool:
    """Return True if the first addresses, and the size of the `.bin`, fit a dtype."""
    steps = pair.lengths[:BLOCK].astype(np.int64) * dtype.itemsize
    fits = bool((np.diff(pair.addresses[:BLOCK]) == steps[:-1]).all())
    if not fits or not len(steps) or not pair.bin_path.is_file():
        return fits
    return _described_bytes(pair, dtype.itemsize) == pair.bin_path.stat().st_size


def _described_bytes(pair: Pair, width: int) -> int:
    """Return the size that the `.bin` must have with tokens of `width` bytes."""
    if not len(pair.lengths):
        return 0
    return int(pair.addresses[-1]) + int(pair.lengths[-1]) * width


def _check_lengths(pair: Pair, collector: Collector) -> bool:
    """Report empty sequences, and negative lengths; return False for a negative length."""
    sound = True
    for start in range(0, len(pair.lengths), BLOCK):
        lengths = pair.lengths[start : start + BLOCK]
        for wrong, code, problem in (
            (lengths < 0, codes.INDEX_LENGTHS, "has a negative length"),
            (lengths == 0, codes.SEQUENCES_EMPTY, "has no tokens"),
        ):
            if count := int(np.count_nonzero(wrong)):
                message = f"sequence {start + int(wrong.argmax()):,} {problem}"
                collector.add(code, message, file=pair.idx_path, count=count)
                sound &= code is not codes.INDEX_LENGTHS
    return sound


def _check_addresses(pair: Pair, width: int, collector: Collector) -> bool:
    """Report sequences that do not start where the previous one ends."""
    sound = True
    expected = np.int64(0)
    for start in range(0, len(pair.addresses), BLOCK):
        addresses = pair.addresses[start : start + BLOCK]
        ends = addresses + pair.lengths[start : start + BLOCK].astype(np.int64) * width
        wrong = addresses != np.concatenate(([expected], ends[:-1]))
        expected = ends[-1]
        if count := int(np.count_nonzero(wrong)):
            number = start + int(wrong.argmax())
            message = f"sequence {number:,} does not start where the previous one ends"
            collector.add(codes.INDEX_ADDRESSES, message, file=pair.idx_path, count=count)
            sound = False
    return sound


def _check_documents(pair: Pair, collector: Collector) -> bool:
    """Report documents that do not cover all sequences in order."""
    sound = True
    for index, expected, problem in (
        (0, 0, "the first document must start at"),
        (-1, pair.layout.sequences, "the last document must end at"),
    ):
        if (found := int(pair.starts[index])) != expected:
            message = f"{problem} sequence {expected:,}, not {found:,}"
            collector.add(codes.INDEX_DOCUMENTS, message, file=pair.idx_path, group=str(index))
            sound = False
    for start in range(0, len(pair.starts), BLOCK):
        wrong = np.diff(pair.starts[start : start + BLOCK + 1]) < 0
        if count := int(np.count_nonzero(wrong)):
            number = start + int(wrong.argmax()) + 1
            message = f"document {number:,} starts before the previous one"
            collector.add(
                codes.INDEX_DOCUMENTS, message, file=pair.idx_path, count=count, group="order"
            )
            sound = False
    return sound


def _check_size(pair: Pair, width: int, collector: Collector) -> bool:
    size, described = pair.bin_path.stat().st_size, _described_bytes(pair, width)
    if size != described:
        how = "it is cut short" if size < described else "it belongs to another .idx"
        message = f"has {size:,} bytes, the .idx describes {described:,}; {how}"
        collector.add(codes.DATA_SIZE, message, file=pair.bin_path)
    return size == described
