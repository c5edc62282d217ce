"""Whether ids are what the tokenizer makes of the text that they stand for."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from penstock.checks._tokens.sample import Sample, spread

#: How many windows are decoded, of how many tokens, and how many tokens one has at the least.
WINDOWS = 256
WINDOW_TOKENS = 128
MINIMUM_TOKENS = 16
#: How many tokens at each edge may come back otherwise: a window is cut in the middle of a word.
MARGIN = 16


class Codec(Protocol):
    """Text to ids and back."""

    def encode(self, texts: Sequence[str]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the ids of all texts, flat, and the offsets (one more than texts) of each."""
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ids."""
        ...


@dataclass(frozen=True)
class Reencoding:
    """How many windows were decoded and encoded again, and how many came back the same."""

    windows: int
    matched: int

    @property
    def share(self) -> float:
        """The share that came back, 1 where there was nothing to try."""
        return self.matched / self.windows if self.windows else 1.0


def reencode(sample: Sample, codec: Codec, special: Collection[int]) -> Reencoding:
    """Decode windows spread over a sample, encode their text, and compare all but the edges.

    No window runs across a `special` id, which may stand between documents.
    """
    plain = [_plain_run(window, special) for window in _pieces(sample)]
    windows = [window for window in plain if len(window) >= MINIMUM_TOKENS]
    texts = [codec.decode(window.tolist()) for window in windows]
    ids, offsets = codec.encode(texts)
    matched = 0
    for index, window in enumerate(windows):
        margin = min(MARGIN, len(window) // 4)
        again = ids[int(offsets[index]) : int(offsets[index + 1])]
        matched += _contains(again, window[margin : len(window) - margin])
    return Reencoding(len(windows), matched)


def _pieces(sample: Sample) -> list[NDArray[np.int64]]:
    """Return pieces of the sample's windows, each long enough, evenly spread."""
    pieces = [
        window[start : start + WINDOW_TOKENS]
        for window in sample.windows()
        for start in range(0, len(window) - MINIMUM_TOKENS + 1, WINDOW_TOKENS)
    ]
    return [pieces[index] for index in spread(len(pieces), WINDOWS)]


def _plain_run(window: NDArray[np.int64], special: Collection[int]) -> NDArray[np.int64]:
    """Return the longest part of a window without a special id."""
    cuts = np.flatnonzero(np.isin(window, list(special)))
    if not len(cuts):
        return window
    runs = [run[1:] if index else run for index, run in enumerate(np.split(window, cuts))]
    return max(runs, key=len)


def _contains(ids: NDArray[Any], wanted: NDArray[np.int64]) -> bool:
    """Say whether `wanted` stands somewhere in `ids`."""
    if len(ids) < len(wanted):
        return False
    views = np.lib.stride_tricks.sliding_window_view(ids, len(wanted))
    return bool((views == wanted).all(axis=1).any())
