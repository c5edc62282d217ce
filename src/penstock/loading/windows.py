"""Which tokens make which sample: windows over the whole data, or over each document."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penstock.formats.megatron import IndexedReader

Numbers = NDArray[np.int64]

_BLOCK = 256
_SCANNED = 1 << 16


@dataclass(frozen=True)
class Cut:
    """How a run of tokens is cut into windows of `length`.

    With `shifted` a window reads one token more, the label of its last; the first token of the next
    window is that same one. `padded` keeps a last window that is not full.
    """

    length: int
    shifted: bool
    padded: bool

    @property
    def span(self) -> int:
        """The number of tokens that a full window reads."""
        return self.length + self.shifted

    def windows(self, lengths: Numbers) -> Numbers:
        """Return how many windows runs of some lengths give."""
        targets = np.maximum(lengths - self.shifted, 0)
        windows: Numbers = (targets + (self.length - 1) * self.padded) // self.length
        return windows

    def padding(self, lengths: Numbers) -> Numbers:
        """Return how many places of their windows hold no token."""
        padding: Numbers = np.maximum(self.windows(lengths) * self.length - lengths, 0)
        return padding

    def dropped(self, lengths: Numbers) -> Numbers:
        """Return how many tokens stand in no window."""
        windows = self.windows(lengths)
        read = np.minimum(lengths, windows * self.length + self.shifted)
        return lengths - np.where(windows > 0, read, 0)


class Windows(ABC):
    """The samples of a dataset in the order of its tokens, and what they leave out or fill up."""

    #: How many samples there are.
    count: int
    #: How many places of all samples hold no token.
    padding: int
    #: How many tokens stand in no sample.
    dropped: int

    @abstractmethod
    def spans(self, samples: Numbers) -> tuple[Numbers, Numbers]:
        """Return where in the tokens each sample begins, and how many it reads."""


class ConcatWindows(Windows):
    """Windows over all tokens, one document after the other as they lie in the `.bin`."""

    def __init__(self, reader: IndexedReader, cut: Cut) -> None:
        self._tokens, self._cut = reader.tokens, cut
        lengths = np.array([reader.tokens])
        self.count = int(cut.windows(lengths)[0])
        self.padding = int(cut.padding(lengths)[0])
        self.dropped = int(cut.dropped(lengths)[0])

    def spans(self, samples: Numbers) -> tuple[Numbers, Numbers]:
        """Return where in the tokens each sample begins, and how many it reads."""
        starts = samples * self._cut.length
        return starts, np.minimum(self._tokens - starts, self._cut.span)


class DocumentWindows(Windows):
    """Windows over each document; none reads across the end of one.

    The index is read and proved once, a block at a time; what is kept is the number of windows up
    to every 256th document, so that memory stays small with hundreds of millions of them.
    """

    def __init__(self, reader: IndexedReader, cut: Cut) -> None:
        self._reader, self._cut = reader, cut
        self.padding = self.dropped = 0
        sums = [np.zeros(1, np.int64)]
        for start in range(0, reader.documents, _SCANNED):
            lengths = np.diff(reader.document_bounds(start, start + _SCANNED))
            self.padding += int(cut.padding(lengths).sum())
            self.dropped += int(cut.dropped(lengths).sum())
            sums.append(np.add.reduceat(cut.windows(lengths), np.arange(0, len(lengths), _BLOCK)))
        self._before = np.cumsum(np.concatenate(sums))
        self.count = int(self._before[-1])
        #: The block that was asked for last: its number, its bounds, the windows before each.
        self._last: tuple[int, Numbers, Numbers] | None = None

    def spans(self, samples: Numbers) -> tuple[Numbers, Numbers]:
        """Return where in the tokens each sample begins, and how many it reads."""
        blocks = np.searchsorted(self._before, samples, side="right") - 1
        starts, counts = np.empty_like(samples), np.empty_like(samples)
        for block in set(blocks.tolist()):
            here = blocks == block
            starts[here], counts[here] = self._spans_in(block, samples[here])
        return starts, counts

    def _spans_in(self, block: int, samples: Numbers) -> tuple[Numbers, Numbers]:
        """Return the spans of samples that lie in one block of documents."""
        if self._last is None or self._last[0] != block:
            bounds = self._reader.document_bounds(block * _BLOCK, (block + 1) * _BLOCK)
            windows = self._cut.windows(np.diff(bounds))
            before = np.concatenate((self._before[block : block + 1], windows)).cumsum()
            self._last = (block, bounds, before)
        _, bounds, before = self._last
        documents = np.searchsorted(before, samples, side="right") - 1
        starts = bounds[documents] + (samples - before[documents]) * self._cut.length
        return starts, np.minimum(bounds[documents + 1] - starts, self._cut.span)
