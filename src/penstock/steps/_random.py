"""Random numbers that are the same on every machine and with every version of every library.

NumPy keeps the right to change what its generators draw; the bytes of a dataset must not change
with it. The generator is SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number
generators, OOPSLA 2014), the shuffle that of Fisher and Yates.
"""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from penstock.compiled import compiled


def stream_seed(*names: object) -> int:
    """Return a seed of 64 bits for what is drawn under these names, apart from all others."""
    text = "\0".join(map(str, names))
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")


def permutation(count: int, *names: object) -> NDArray[np.int64]:
    """Return the numbers from 0 to before `count` in an order that `names` decide."""
    shuffled = np.arange(count)
    _shuffle(shuffled, np.uint64(stream_seed(*names)))
    return shuffled


def mixed(numbers: NDArray[np.uint64], *names: object) -> NDArray[np.uint64]:
    """Return numbers that `numbers` and `names` decide, as good as drawn; none comes twice."""
    mixed = numbers + np.uint64(stream_seed(*names))
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


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
