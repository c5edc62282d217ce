"""A sample of a dataset's tokens, and the statistics that separate text from noise.

Text repeats itself: a small part of the vocabulary covers most of it, and the same pairs of tokens
recur. Uniform noise has as many distinct ids as chance allows, shuffled text as many pairs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: The maximum size of a sample.
SAMPLE_TOKENS = 500_000
#: The tokens taken from one place of a dataset that is larger than a sample.
WINDOW_TOKENS = 1_024
#: How often a sample is shuffled to estimate the number of distinct bigrams by chance.
SHUFFLES = 20
#: The maximum number of tokens whose bigrams are counted.
BIGRAM_TOKENS = 200_000
_SEED = 20


@dataclass(frozen=True)
class Sample:
    """Windows of consecutive tokens, each within one document if documents are separable.

    `ids` (int64, flat) holds the windows one after the other; `lengths` (int64) are in tokens.
    `positions` and `padding` count all token positions of the rows that were read, and those that
    are padding.
    """

    ids: NDArray[np.int64]
    lengths: NDArray[np.int64]
    positions: int = 0
    padding: int = 0

    @classmethod
    def of(cls, windows: Sequence[NDArray[Any]], *, positions: int = 0, padding: int = 0) -> Sample:
        """Return the sample with these windows, without empty ones."""
        kept = [np.asarray(window).astype(np.int64) for window in windows if len(window)]
        lengths = np.asarray([len(window) for window in kept], np.int64)
        ids = np.concatenate(kept) if kept else np.empty(0, np.int64)
        return cls(ids, lengths, positions, padding)

    def __len__(self) -> int:
        return len(self.ids)

    def windows(self) -> list[NDArray[np.int64]]:
        """Return a view of each window."""
        return np.split(self.ids, np.cumsum(self.lengths)[:-1]) if len(self.lengths) else []

    def subsample(self, tokens: int) -> Sample:
        """Return evenly spread windows of about this many tokens; at least one window."""
        if len(self) <= tokens:
            return self
        windows = self.windows()
        if len(windows) == 1:
            return Sample.of([windows[0][:tokens]])
        kept = spread(len(windows), max(1, tokens * len(windows) // len(self)))
        return Sample.of([windows[index] for index in kept])


def spread(count: int, wanted: int) -> NDArray[np.int64]:
    """Return at most `wanted` evenly spread numbers from 0 to `count` - 1, both ends included."""
    if count <= wanted:
        return np.arange(count, dtype=np.int64)
    return np.linspace(0, count - 1, wanted).astype(np.int64)


@dataclass(frozen=True)
class Statistics:
    """Statistics of a sample of ids. A type is a distinct id.

    - `types_ratio`: types, divided by those of uniform noise over the vocabulary.
    - `bigram_ratio`: distinct bigrams, divided by the mean of the same tokens shuffled.
    - `bigram_z`: the same difference in standard deviations.
    - `top_id`, `top_share`: the most frequent id and its share of all tokens.
    - `alternate_types`: the ratio of the types at even and at odd positions, at most 1.
    - `entropy`, `mutual_information` (of neighbours): bits per token, biased in small samples.
    """

    tokens: int
    types: int
    types_ratio: float
    bigram_ratio: float
    bigram_z: float
    top_id: int
    top_share: float
    alternate_types: float
    entropy: float
    mutual_information: float


def measure(sample: Sample, vocab_size: int) -> Statistics:
    """Return the statistics of a non-empty sample; deterministic."""
    generator = np.random.default_rng(_SEED)
    types, counts = np.unique(sample.ids, return_counts=True)
    part = sample.subsample(BIGRAM_TOKENS)
    part_types, ranks, part_counts = np.unique(part.ids, return_inverse=True, return_counts=True)
    # The positions whose successor is in the same window.
    has_next = np.ones(len(part), bool)
    has_next[np.cumsum(part.lengths) - 1] = False
    pairs = np.flatnonzero(has_next)
    bigrams = _bigram_counts(ranks, pairs, len(part_types))
    shuffled = [
        len(_bigram_counts(generator.permutation(ranks), pairs, len(part_types)))
        for _ in range(SHUFFLES)
    ]
    mean, deviation = float(np.mean(shuffled)), float(np.std(shuffled, ddof=1))
    information = 2 * _entropy(part_counts) - _entropy(bigrams) if len(pairs) else 0.0
    top = int(counts.argmax())
    return Statistics(
        tokens=len(sample),
        types=len(types),
        types_ratio=_types_ratio(sample.ids, vocab_size, generator),
        bigram_ratio=len(bigrams) / mean if mean else 1.0,
        # If every shuffle gives the same number, a difference of one bigram is no signal.
        bigram_z=(len(bigrams) - mean) / max(1.0, deviation),
        top_id=int(types[top]),
        top_share=float(counts[top] / len(sample)),
        alternate_types=_alternate_types(sample),
        entropy=_entropy(counts),
        mutual_information=max(0.0, information),
    )


def _types_ratio(ids: NDArray[np.int64], vocab_size: int, generator: np.random.Generator) -> float:
    # In more tokens than the vocabulary has, even text uses all of a small vocabulary.
    if len(ids) > vocab_size:
        ids = generator.choice(ids, vocab_size, replace=False)
    unseen = math.exp(len(ids) * math.log1p(-1 / vocab_size)) if vocab_size > 1 else 0.0
    return len(np.unique(ids)) / (vocab_size * (1 - unseen))


def _alternate_types(sample: Sample) -> float:
    # A window may begin at either half of a split id, so the order is decided for each window.
    fewer, more = [], []
    for window in sample.windows():
        halves = sorted((window[::2], window[1::2]), key=lambda half: len(np.unique(half)))
        fewer.append(halves[0])
        more.append(halves[1])
    types = [len(np.unique(np.concatenate(each))) for each in (fewer, more) if each]
    return types[0] / max(1, types[1]) if types else 1.0


def _bigram_counts(
    ranks: NDArray[np.int64], pairs: NDArray[np.int64], types: int
) -> NDArray[np.int64]:
    counts: NDArray[np.int64]
    _, counts = np.unique(ranks[pairs] * types + ranks[pairs + 1], return_counts=True)
    return counts


def _entropy(counts: NDArray[np.int64]) -> float:
    """Return the entropy, in bits, of a distribution given by its counts."""
    total = int(counts.sum())
    return float(math.log2(total) - (counts * np.log2(counts)).sum() / total) if total else 0.0
