"""A seeded shuffle (Fisher and Yates) that no library version changes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.compiled import compiled
from penstock.kernels.splitmix import stream_seed


def permutation(count: int, *names: object) -> NDArray[np.int64]:
    """Return the numbers from 0 to before `count`, shuffled with a seed made of `names`."""
    shuffled = np.arange(count)
    _shuffle(shuffled, np.uint64(stream_seed(*names)))
    return shuffled


@compiled
def _shuffle(numbers: NDArray[np.int64], state: np.uint64) -> None:
    for last in range(len(numbers) - 1, 0, -1):
        state += np.uint64(0x9E3779B97F4A7C15)
        mixed = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
        # The remainder favours small numbers by at most count / 2**64, which no dataset can show.
        other = np.int64(mixed % np.uint64(last + 1))
        numbers[last], numbers[other] = numbers[other], numbers[last]
