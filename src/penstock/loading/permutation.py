"""A shuffle that is computed, not stored: any place of it in constant memory, whatever the size."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.splitmix import GAMMA, finalize

_ROUNDS = 8
_WORD = (1 << 64) - 1


class Permutation:
    """The numbers 0 to before `size`, each once, in an order that `seed` and `epoch` decide.

    A Feistel network over pairs (number // side, number % side), with side the square root of the
    size rounded up; a result past the size goes through it again (cycle walking). It is integer
    arithmetic alone, so the order is the same on every machine and with every version of numpy.
    See Black and Rogaway, Ciphers with Arbitrary Finite Domains (2002).
    """

    def __init__(self, size: int, seed: int, epoch: int) -> None:
        self.size = size
        self._side = np.uint64(math.isqrt(max(size - 1, 0)) + 1)
        state = _mixed(_mixed(seed & _WORD) + epoch)
        self._keys = [np.uint64(_mixed(state + number)) for number in range(1, _ROUNDS + 1)]

    def __call__(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the numbers at some places, 0 to before the size each."""
        numbers = self._through(places.astype(np.uint64))
        while (beyond := np.flatnonzero(numbers >= self.size)).size:
            numbers[beyond] = self._through(numbers[beyond])
        return numbers.astype(np.int64)

    def _through(self, numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
        left, right = np.divmod(numbers, self._side)
        for key in self._keys:
            left, right = right, (left + finalize(right ^ key) % self._side) % self._side
        return left * self._side + right


def _mixed(word: int) -> int:
    """Return one word of SplitMix64, whose state is `word` times its odd constant."""
    state = np.array([word * GAMMA & _WORD], np.uint64)
    return int(finalize(state)[0])
