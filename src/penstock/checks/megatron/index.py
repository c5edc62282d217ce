"""Whether an `.idx` holds together, and whether the `.bin` beside it is the one it describes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock.checks import _codes as codes
from penstock.checks._collect import Collector
from penstock.errors import DataError
from penstock.formats.megatron.layout import (
    ADDRESS,
    DTYPES,
    LENGTH,
    MODE,
    Layout,
    read_layout,
)

#: How many entries of the index are looked at in one go.
BLOCK = 1 << 20
_HEAD_BYTES = 64


@dataclass(frozen=True)
class Pair:
    """The files of a prefix; the arrays of the index are mapped, not read.

    `lengths` (in tokens) and `addresses` (in bytes of the `.bin`) are a sequence's; `marks` are the
    first sequence of each document and, last, the number of sequences.
    """

    bin_path: Path
    idx_path: Path
    layout: Layout
    lengths: NDArray[np.int32]
    addresses: NDArray[np.int64]
    marks: NDArray[np.int64]

    @property
    def tokens(self) -> int:
        """The number of tokens that the `.bin` holds."""
        return self.bin_path.stat().st_size // self.layout.dtype.itemsize


def check_pair(bin_path: Path, idx_path: Path, collector: Collector) -> tuple[int, Pair | None]:
    """Find what is wrong with a pair; return its documents, and the pair if it is sound."""
    for path, other in ((bin_path, idx_path), (idx_path, bin_path)):
        if not path.is_file():
            message = f"there is no such file beside {other.name}: what wrote it did not finish"
            collector.add(codes.FILE_MISSING, message, file=path)
    if not idx_path.is_file():
        return 0, None
    try:
        pair = _open(bin_path, idx_path)
    except DataError as error:
        collector.add(codes.INDEX_UNREADABLE, error.message, file=idx_path)
        return 0, None
    dtype = _true_dtype(pair, collector)
    sound = _check_lengths(pair, collector)
    sound &= _check_addresses(pair, dtype.itemsize, collector)
    sound &= _check_documents(pair, collector)
    _check_modes(pair, collector)
    if not bin_path.is_file() or not (sound and _check_size(pair, dtype.itemsize, collector)):
        return pair.layout.documents, None
    readable = dtype == pair.layout.dtype and dtype.kind in "iu"
    return pair.layout.documents, pair if readable else None


def _open(bin_path: Path, idx_path: Path) -> Pair:
    size = idx_path.stat().st_size
    with idx_path.open("rb") as stream:
        layout = read_layout(idx_path, size, stream.read(_HEAD_BYTES), "megatron")

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


def _true_dtype(pair: Pair, collector: Collector) -> np.dtype[Any]:
    """Return the dtype that the addresses tell; find one that Megatron's code does not mean."""
    told = pair.layout.dtype
    code = next(code for code, dtype in DTYPES["megatron"].items() if dtype == told)
    other = DTYPES["deepspeed"][code]
    if other != told and _fits(pair, other) and not _fits(pair, told):
        message = (
            f"the dtype code {code} means {other.name} here, as DeepSpeed writes it; Megatron's "
            f"readers take it for {told.name}"
        )
        collector.add(codes.DTYPE_FOREIGN, message, file=pair.idx_path)
        return other
    if told.kind == "f":
        message = f"the dtype code {code} means {told.name}: that is no dtype of token ids"
        collector.add(codes.DTYPE_NO_TOKENS, message, file=pair.idx_path)
    elif other != told:
        message = (
            f"the dtype code {code} means {told.name} here; DeepSpeed's own reader takes it for "
            f"{other.name} and reads other tokens without an error"
        )
        collector.add(codes.DTYPE_DEEPSPEED, message, file=pair.idx_path)
    return told


def _fits(pair: Pair, dtype: np.dtype[Any]) -> bool:
    """Say whether the first addresses, and the size of the `.bin`, are those of a dtype."""
    steps = pair.lengths[:BLOCK].astype(np.int64) * dtype.itemsize
    leads = bool((np.diff(pair.addresses[:BLOCK]) == steps[:-1]).all())
    if not leads or not len(steps) or not pair.bin_path.is_file():
        return leads
    end = int(pair.addresses[-1]) + int(pair.lengths[-1]) * dtype.itemsize
    return end == pair.bin_path.stat().st_size


def _check_lengths(pair: Pair, collector: Collector) -> bool:
    """Find sequences of negative length, which is an error, and without a token."""
    sound = True
    for start in range(0, len(pair.lengths), BLOCK):
        lengths = pair.lengths[start : start + BLOCK]
        for wrong, code, words in (
            (lengths < 0, codes.INDEX_LENGTHS, "has a negative length"),
            (lengths == 0, codes.SEQUENCES_EMPTY, "has no token"),
        ):
            if count := int(np.count_nonzero(wrong)):
                message = f"sequence {start + int(wrong.argmax()):,} {words}"
                collector.add(code, message, file=pair.idx_path, count=count)
                sound &= code is not codes.INDEX_LENGTHS
    return sound


def _check_addresses(pair: Pair, width: int, collector: Collector) -> bool:
    """Find addresses that are not where the sequence before ends."""
    sound = True
    expected = np.int64(0)
    for start in range(0, len(pair.addresses), BLOCK):
        addresses = pair.addresses[start : start + BLOCK]
        ends = addresses + pair.lengths[start : start + BLOCK].astype(np.int64) * width
        wrong = addresses != np.concatenate(([expected], ends[:-1]))
        expected = ends[-1]
        if count := int(np.count_nonzero(wrong)):
            place = int(wrong.argmax())
            message = f"sequence {start + place:,} does not begin where the one before it ends"
            collector.add(codes.INDEX_ADDRESSES, message, file=pair.idx_path, count=count)
            sound = False
    return sound


def _check_documents(pair: Pair, collector: Collector) -> bool:
    """Find documents that do not follow one another from the first sequence to the last."""
    sound = True
    for place, must, words in (
        (0, 0, "the first document must begin at"),
        (-1, pair.layout.sequences, "the documents must end at"),
    ):
        if (found := int(pair.marks[place])) != must:
            message = f"{words} sequence {must:,}, not {found:,}"
            collector.add(codes.INDEX_DOCUMENTS, message, file=pair.idx_path, group=str(place))
            sound = False
    for start in range(0, len(pair.marks), BLOCK):
        wrong = np.diff(pair.marks[start : start + BLOCK + 1]) < 0
        if count := int(np.count_nonzero(wrong)):
            message = f"document {start + int(wrong.argmax()) + 1:,} begins before its forerunner"
            collector.add(
                codes.INDEX_DOCUMENTS, message, file=pair.idx_path, count=count, group="order"
            )
            sound = False
    return sound


def _check_modes(pair: Pair, collector: Collector) -> None:
    if pair.layout.modes:
        at, count = pair.layout.modes_at, pair.layout.sequences
        kinds = np.unique(np.memmap(pair.idx_path, MODE, "r", at, count))
        message = f"each sequence has a mode ({', '.join(map(str, kinds))}): multimodal data"
        collector.add(codes.MODES_PRESENT, message, file=pair.idx_path)


def _check_size(pair: Pair, width: int, collector: Collector) -> bool:
    """Find a `.bin` that ends before its last sequence, or after it."""
    size = pair.bin_path.stat().st_size
    told = int(pair.addresses[-1]) + int(pair.lengths[-1]) * width if len(pair.lengths) else 0
    if size != told:
        how = "it was cut short" if size < told else "it is longer, as that of another pair"
        message = f"has {size:,} bytes, and the index describes {told:,}: {how}"
        collector.add(codes.DATA_SIZE, message, file=pair.bin_path)
    return size == told
