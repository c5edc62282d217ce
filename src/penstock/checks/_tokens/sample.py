"""A sample of a dataset's tokens: windows that lie within one document, spread over the data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: How many bytes of a dataset are read, and hashed, where not all are asked for.
READ_BYTES = 128 << 20
#: How many tokens a sample holds at the most.
SAMPLE_TOKENS = 500_000
#: How many tokens of one sequence stand in a sample that cannot hold all.
WINDOW_TOKENS = 1_024


@dataclass(frozen=True)
class Sample:
    """Windows of consecutive tokens, each within one document where documents are told apart.

    `ids` (int64, flat) holds the windows one after the other, `lengths` (int64) is in tokens.
    `places` and `padding` count what the rows that were sampled have room for, and how much of it
    is padding.
    """

    ids: NDArray[np.int64]
    lengths: NDArray[np.int64]
    places: int = 0
    padding: int = 0

    @classmethod
    def of(cls, windows: Sequence[NDArray[Any]], *, places: int = 0, padding: int = 0) -> Sample:
        """Return the sample that holds these windows; empty ones are left out."""
        held = [np.asarray(window).astype(np.int64) for window in windows if len(window)]
        lengths = np.asarray([len(window) for window in held], np.int64)
        ids = np.concatenate(held) if held else np.empty(0, np.int64)
        return cls(ids, lengths, places, padding)

    def __len__(self) -> int:
        return len(self.ids)

    def windows(self) -> list[NDArray[np.int64]]:
        """Return the windows, each as a view."""
        return np.split(self.ids, np.cumsum(self.lengths)[:-1]) if len(self.lengths) else []

    def part(self, tokens: int) -> Sample:
        """Return whole windows, evenly spread, of about so many tokens; at least one window."""
        if len(self) <= tokens:
            return self
        windows = self.windows()
        if len(windows) == 1:
            return Sample.of([windows[0][:tokens]])
        kept = spread(len(windows), max(1, tokens * len(windows) // len(self)))
        return Sample.of([windows[index] for index in kept])


def spread(count: int, wanted: int) -> NDArray[np.int64]:
    """Return at most `wanted` (from 1) of the numbers 0 to `count` - 1, evenly, ends included."""
    if count <= wanted:
        return np.arange(count, dtype=np.int64)
    return np.linspace(0, count - 1, wanted).astype(np.int64)
