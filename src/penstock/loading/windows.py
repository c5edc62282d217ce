"""Samples as windows of tokens, over all documents or over each, and reading them as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock.errors import DataError
from penstock.formats.megatron import IndexedReader

#: The label of positions without a prediction, which torch's cross-entropy ignores.
IGNORED = -100

Int64Array = NDArray[np.int64]
Sample = dict[str, Int64Array]

#: Documents per entry of the window counts that `DocumentWindows` keeps, and per read of the index.
_BLOCK = 256
_SCANNED = 1 << 16


@dataclass(frozen=True)
class WindowSpec:
    """How a run of tokens is cut into windows of `length`.

    With `shifted` a window reads one more token, the label of its last; the next window starts
    with it. With `padded` an incomplete last window is kept.
    """

    length: int
    shifted: bool
    padded: bool

    @property
    def span(self) -> int:
        """The number of tokens that a full window reads."""
        return self.length + self.shifted

    def windows(self, lengths: Int64Array) -> Int64Array:
        """Return the number of windows of runs of these lengths."""
        targets = np.maximum(lengths - self.shifted, 0)
        windows: Int64Array = (targets + (self.length - 1) * self.padded) // self.length
        return windows

    def padding(self, lengths: Int64Array) -> Int64Array:
        """Return the number of positions without a token in their windows."""
        padding: Int64Array = np.maximum(self.windows(lengths) * self.length - lengths, 0)
        return padding

    def dropped(self, lengths: Int64Array) -> Int64Array:
        """Return the number of tokens in no window."""
        windows = self.windows(lengths)
        read = np.minimum(lengths, windows * self.length + self.shifted)
        return lengths - np.where(windows > 0, read, 0)


class ConcatWindows:
    """Windows over all tokens in the order of the `.bin`, across documents.

    `count` is the number of samples, `padding` of positions without a token in them, `dropped` of
    tokens in no sample.
    """

    def __init__(self, reader: IndexedReader, spec: WindowSpec) -> None:
        self._tokens, self._spec = reader.tokens, spec
        lengths = np.array([reader.tokens])
        self.count = int(spec.windows(lengths)[0])
        self.padding = int(spec.padding(lengths)[0])
        self.dropped = int(spec.dropped(lengths)[0])

    def spans(self, samples: Int64Array) -> tuple[Int64Array, Int64Array]:
        """Return the first token of each sample and the number of tokens that it reads."""
        starts = samples * self._spec.length
        return starts, np.minimum(self._tokens - starts, self._spec.span)


class DocumentWindows:
    """Windows over each document, with the attributes of `ConcatWindows`.

    The index is read and validated once, in blocks. Only the number of windows before every 256th
    document is kept, so that memory stays small with hundreds of millions of documents.
    """

    def __init__(self, reader: IndexedReader, spec: WindowSpec) -> None:
        self._reader, self._spec = reader, spec
        self.padding = self.dropped = 0
        sums = [np.zeros(1, np.int64)]
        for start in range(0, reader.documents, _SCANNED):
            lengths = np.diff(reader.document_bounds(start, start + _SCANNED))
            self.padding += int(spec.padding(lengths).sum())
            self.dropped += int(spec.dropped(lengths).sum())
            sums.append(np.add.reduceat(spec.windows(lengths), np.arange(0, len(lengths), _BLOCK)))
        self._before = np.cumsum(np.concatenate(sums))
        self.count = int(self._before[-1])
        #: The last block that was read: its number, its bounds, the windows before each document.
        self._last: tuple[int, Int64Array, Int64Array] | None = None

    def spans(self, samples: Int64Array) -> tuple[Int64Array, Int64Array]:
        """Return the first token of each sample and the number of tokens that it reads."""
        blocks = np.searchsorted(self._before, samples, side="right") - 1
        starts, counts = np.empty_like(samples), np.empty_like(samples)
        for block in set(blocks.tolist()):
            in_block = blocks == block
            starts[in_block], counts[in_block] = self._block_spans(block, samples[in_block])
        return starts, counts

    def _block_spans(self, block: int, samples: Int64Array) -> tuple[Int64Array, Int64Array]:
        if self._last is None or self._last[0] != block:
            bounds = self._reader.document_bounds(block * _BLOCK, (block + 1) * _BLOCK)
            windows = self._spec.windows(np.diff(bounds))
            before = np.concatenate((self._before[block : block + 1], windows)).cumsum()
            self._last = (block, bounds, before)
        _, bounds, before = self._last
        documents = np.searchsorted(before, samples, side="right") - 1
        starts = bounds[documents] + (samples - before[documents]) * self._spec.length
        return starts, np.minimum(bounds[documents + 1] - starts, self._spec.span)


@dataclass(frozen=True)
class SampleReader:
    """Reads samples as `input_ids`, `labels`, and `attention_mask` if `masked`.

    Positions without a token are `pad_id` in the inputs and `IGNORED` in the labels.
    """

    reader: IndexedReader
    windows: ConcatWindows | DocumentWindows
    spec: WindowSpec
    pad_id: int
    masked: bool
    vocab_size: int | None

    def read(self, samples: Int64Array) -> Sample:
        """Return int64 arrays of shape (samples, length).

        Raises DataError for an id outside the vocabulary, if its size is known.
        """
        tokens, width = self.reader.ids, self.spec.length
        starts, counts = self.windows.spans(samples)
        ids = _gather(tokens, starts, counts, width, self.pad_id)
        present = np.arange(width) < counts[:, None] if (counts < width).any() else None
        self._check_vocabulary(ids, starts)
        if self.spec.shifted:
            labels = _gather(tokens, starts + 1, counts - 1, width, IGNORED)
            self._check_vocabulary(labels, starts, except_id=IGNORED)
        else:
            labels = ids.copy()
            if present is not None:
                labels[~present] = IGNORED
        sample = {"input_ids": ids, "labels": labels}
        if self.masked:
            mask = np.ones_like(ids) if present is None else present.astype(np.int64)
            sample["attention_mask"] = mask
        return sample

    def _check_vocabulary(
        self, ids: Int64Array, starts: Int64Array, except_id: int | None = None
    ) -> None:
        if self.vocab_size is None:
            return
        wrong = (ids >= self.vocab_size) | (ids < 0)
        if except_id is not None:
            wrong &= ids != except_id
        if wrong.any():
            row, column = np.argwhere(wrong)[0].tolist()
            raise DataError(
                f"the id {ids[row, column]} in the window from token {starts[row]:,} is not below "
                f"vocab_size, {self.vocab_size:,}; the tokens are of another tokenizer",
                file=self.reader.bin_path,
            )


def _gather(
    tokens: NDArray[Any], starts: Int64Array, counts: Int64Array, width: int, fill: int
) -> Int64Array:
    """Return an array (samples, width) whose row r has `counts[r]` tokens from `starts[r]`.

    The rest of each row is `fill`; at most `width` tokens are read. Adjacent windows are copied at
    once.
    """
    rows = len(starts)
    out = np.empty((rows, width), np.int64)
    full = not rows or int(counts.min()) >= width
    if full and (starts[1:] - starts[:-1] == width).all():
        first = int(starts[0]) if rows else 0
        out.reshape(-1)[:] = tokens[first : first + rows * width]
        return out
    for row, start, count in zip(out, starts.tolist(), counts.tolist(), strict=True):
        if count >= width:
            row[:] = tokens[start : start + width]
        else:
            row[:count] = tokens[start : start + count]
            row[count:] = fill
    return out
