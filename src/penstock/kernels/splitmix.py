"""SplitMix64: random numbers that are the same on every machine and with every library version.

NumPy may change what its generators draw; the bytes of a dataset must not change with it. Source:
Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
"""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

#: The odd constant that the state grows by (the golden ratio, 64 bits).
GAMMA = 0x9E3779B97F4A7C15


def stream_seed(*names: object) -> int:
    """Return a seed of 64 bits for the random stream with these names."""
    text = "\0".join(map(str, names))
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")


def finalize(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the SplitMix64 output for each state: a bijection of 64-bit words."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def keyed_hash(numbers: NDArray[np.uint64], *names: object) -> NDArray[np.uint64]:
    """Return a pseudorandom word for each number; the names are the key. Distinct stay distinct."""
    return finalize(numbers + np.uint64(stream_seed(*names)))
