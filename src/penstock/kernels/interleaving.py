"""The order in which units of several sources come, so that their shares hold at every point."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.compiled import compiled


@compiled
def interleave(
    queues: NDArray[np.int64],
    bounds: NDArray[np.int64],
    once: NDArray[np.int64],
    sizes: NDArray[np.int64],
    weights: NDArray[np.float64],
    until_all: bool,
) -> NDArray[np.int64]:
    """Return units drawn from the queues, each time from the one furthest behind its share.

    Source s queues the units `queues[bounds[s]]` up to `queues[bounds[s + 1]]`, of which the first
    `once[s]` are each of its units once; `sizes` is one a unit. Of the amounts that sources would
    have given in proportion to their weights with half of their next unit, the least decides; the
    first of equals (Webster's method of apportionment, for units of any size). It ends when that
    source has none left or, with `until_all`, when every source was seen once.
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
