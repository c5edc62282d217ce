"""What tells text from noise in ids alone: how many types there are, and which follow which.

Text repeats itself: a part of the vocabulary carries most of it, and the same pairs of tokens come
again and again. Uniform noise has as many types as chance allows, shuffled text as many pairs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from penstock.checks._tokens.sample import Sample

#: How often a sample is shuffled to learn how many distinct bigrams chance gives.
SHUFFLES = 20
#: How many tokens bigrams are counted in, at the most.
BIGRAM_TOKENS = 200_000
_SEED = 20


@dataclass(frozen=True)
class Statistics:
    """Figures of a sample of ids.

    `types_ratio` is the number of distinct ids by that which uniform noise over the vocabulary
    gives; `bigram_ratio` and `bigram_z` compare the number of distinct bigrams with that of the
    same tokens shuffled (mean, standard deviation); `top_share` is the share of `top_id`, the most
    frequent id; `alternate_types` is how many types stand in every second place, by how many stand
    in the places between, the smaller number first. `entropy` and `mutual_information` (of
    neighbours) are in bits a token, and biased where the sample is small.
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
    """Return the figures of a sample that holds at least one token, the same at every call."""
    generator = np.random.default_rng(_SEED)
    kinds, counts = np.unique(sample.ids, return_counts=True)
    entropy = _entropy(counts)
    part = sample.part(BIGRAM_TOKENS)
    part_kinds, ranks, part_counts = np.unique(part.ids, return_inverse=True, return_counts=True)
    pairs = _pair_starts(part)
    bigrams = _bigram_counts(ranks, pairs, len(part_kinds))
    chance = [
        len(_bigram_counts(generator.permutation(ranks), pairs, len(part_kinds)))
        for _ in range(SHUFFLES)
    ]
    mean, deviation = float(np.mean(chance)), float(np.std(chance, ddof=1))
    shared = 2 * _entropy(part_counts) - _entropy(bigrams) if len(pairs) else 0.0
    top = int(counts.argmax())
    return Statistics(
        tokens=len(sample),
        types=len(kinds),
        types_ratio=_types_ratio(sample.ids, vocab_size, generator),
        bigram_ratio=len(bigrams) / mean if mean else 1.0,
        # Where every shuffle gives the same number, one bigram more or less is no distance.
        bigram_z=(len(bigrams) - mean) / max(1.0, deviation),
        top_id=int(kinds[top]),
        top_share=float(counts[top] / len(sample)),
        alternate_types=_alternate_types(sample),
        entropy=entropy,
        mutual_information=max(0.0, shared),
    )


def _types_ratio(ids: NDArray[np.int64], vocab_size: int, generator: np.random.Generator) -> float:
    """Return the types in as many tokens as the vocabulary has, by those of uniform noise.

    In more tokens than that, text too comes to use all of a small vocabulary.
    """
    if len(ids) > vocab_size:
        ids = generator.choice(ids, vocab_size, replace=False)
    missed = math.exp(len(ids) * math.log1p(-1 / vocab_size)) if vocab_size > 1 else 0.0
    return len(np.unique(ids)) / (vocab_size * (1 - missed))


def _alternate_types(sample: Sample) -> float:
    """Return the types in every second place, by those in the places between.

    A window may begin at either half of what was one id, so that each says by itself which of its
    places hold fewer types.
    """
    fewer, more = [], []
    for window in sample.windows():
        halves = sorted((window[::2], window[1::2]), key=lambda half: len(np.unique(half)))
        fewer.append(halves[0])
        more.append(halves[1])
    types = [len(np.unique(np.concatenate(each))) for each in (fewer, more) if each]
    return types[0] / max(1, types[1]) if types else 1.0


def _pair_starts(sample: Sample) -> NDArray[np.int64]:
    """Return where a token stands whose successor is in the same window."""
    inside = np.ones(len(sample), bool)
    inside[np.cumsum(sample.lengths) - 1] = False
    return np.flatnonzero(inside)


def _bigram_counts(
    ranks: NDArray[np.int64], pairs: NDArray[np.int64], types: int
) -> NDArray[np.int64]:
    """Return how often each distinct bigram comes."""
    counts: NDArray[np.int64]
    _, counts = np.unique(ranks[pairs] * types + ranks[pairs + 1], return_counts=True)
    return counts


def _entropy(counts: NDArray[np.int64]) -> float:
    """Return the entropy, in bits, of what comes so many times each."""
    total = int(counts.sum())
    return float(math.log2(total) - (counts * np.log2(counts)).sum() / total) if total else 0.0
