"""Orders of rows: interleaved sources, and a seeded shuffle that no library version changes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.compiled import compiled
from penstock.kernels.splitmix import stream_seed


@compiled
def interleave(
    queues: NDArray[np.int64],
    bounds: NDArray[np.int64],
    once: NDArray[np.int64],
    sizes: NDArray[np.int64],
    weights: NDArray[np.float64],
    until_all: bool,
) -> NDArray[np.int64]:
    """Return units drawn from the queues, each time from the source furthest below its weight.

    Source s has the queue `queues[bounds[s]:bounds[s + 1]]`; its first `once[s]` elements contain
    each of its units once. `sizes` has the size of each unit. The next unit is from the source with
    the smallest (size drawn + half of its next unit) / weight; ties go to the first source
    (Webster's method of apportionment, for units of any size). Ends when the queue of that source
    is exhausted or, with `until_all`, when every source was drawn completely once.
    """
    drawn = np.empty(len(queues), np.int64)
    place = bounds[:-1].copy()
    given = np.zeros(len(weights), np.int64)
    unseen = len(weights)
    count = 0
    while True:
        next_source, least = 0, np.inf
        for source in range(len(weights)):
            half = 0.0
            if place[source] < bounds[source + 1]:
                half = sizes[queues[place[source]]] / 2
            proportion = (given[source] + half) / weights[source]
            if proportion < least:
                next_source, least = source, proportion
        at = place[next_source]
        if at == bounds[next_source + 1]:
            return drawn[:count]
        drawn[count] = queues[at]
        given[next_source] += sizes[queues[at]]
        place[next_source] += 1
        count += 1
        unseen -= place[next_source] - bounds[next_source] == once[next_source]
        if until_all and unseen == 0:
            return drawn[:count]


def permutation(count: int, *names: object) -> NDArray[np.int64]:
    """Return the numbers from 0 to before `count`, shuffled with a seed made of `names`."""
    shuffled = np.arange(count)
    _shuffle(shuffled, np.uint64(stream_seed(*names)))
    return shuffled


@compiled
def _shuffle(numbers: NDArray[np.int64], state: np.uint64) -> None:
    """Shuffle in place by the algorithm of Fisher and Yates, with the numbers of SplitMix64."""
    for last in range(len(numbers) - 1, 0, -1):
        state += np.uint64(0x9E3779B97F4A7C15)
        mixed = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
        # The remainder favours small numbers by at most count / 2**64, which is negligible.
        other = np.int64(mixed % np.uint64(last + 1))
        numbers[last], numbers[other] = numbers[other], numbers[last]
