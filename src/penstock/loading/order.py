"""The order of samples: shuffled per epoch, divided among ranks, shared with loader workers."""

from __future__ import annotations

import math
import os
from multiprocessing.context import get_spawning_popen
from multiprocessing.sharedctypes import RawArray
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock.errors import ConfigError
from penstock.kernels.splitmix import GAMMA, finalize

_ROUNDS = 8
_WORD = (1 << 64) - 1
#: Positions of a shuffled order that are computed at a time; one costs nearly as much.
_BLOCK = 1024


class Permutation:
    """A permutation of 0 to `size` - 1 by `seed` and `epoch`, computed in constant memory.

    A Feistel network over pairs (number // side, number % side), where side is the square root of
    the size, rounded up; results beyond the size go through it again (cycle walking). It uses
    integer arithmetic only, so that the order is the same on every machine and with every version
    of numpy. See Black and Rogaway, Ciphers with Arbitrary Finite Domains (2002).
    """

    def __init__(self, size: int, seed: int, epoch: int) -> None:
        self.size = size
        self._side = np.uint64(math.isqrt(max(size - 1, 0)) + 1)
        state = _mix(_mix(seed & _WORD) + epoch)
        self._keys = [np.uint64(_mix(state + number)) for number in range(1, _ROUNDS + 1)]

    def __call__(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the numbers at the positions, each from 0 to `size` - 1."""
        numbers = self._feistel(positions.astype(np.uint64))
        while (beyond := np.flatnonzero(numbers >= self.size)).size:
            numbers[beyond] = self._feistel(numbers[beyond])
        return numbers.astype(np.int64)

    def _feistel(self, numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
        left, right = np.divmod(numbers, self._side)
        for key in self._keys:
            left, right = right, (left + finalize(right ^ key) % self._side) % self._side
        return left * self._side + right


def _mix(word: int) -> int:
    """Return the SplitMix64 output of the state `word` times its odd constant."""
    state = np.array([word * GAMMA & _WORD], np.uint64)
    return int(finalize(state)[0])


class EpochOrder:
    """The samples of one rank in each epoch, shuffled by `seed` unless it is None.

    All ranks share one order per epoch. Rank r has its positions r, r + world_size, ..., so that
    the samples of one step are consecutive in it, whatever the number of ranks.
    """

    def __init__(self, samples: int, seed: int | None, rank: int, world_size: int) -> None:
        self.samples, self.seed = samples, seed
        self.rank, self.world_size = rank, world_size
        self._permutation: tuple[int, Permutation] | None = None
        self._block: tuple[int, int, NDArray[np.int64]] | None = None

    def __len__(self) -> int:
        """The number of samples of each rank."""
        return self.samples // self.world_size

    def at(self, epoch: int, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the samples at some positions of this rank."""
        if self.seed is None:
            return positions * self.world_size + self.rank
        first, last = (int(positions.min()), int(positions.max())) if positions.size else (0, 0)
        block = first // _BLOCK
        if block != last // _BLOCK:
            return self._shuffled(epoch, self.seed, positions)
        if self._block is None or self._block[:2] != (epoch, block):
            all_positions = np.arange(block * _BLOCK, min((block + 1) * _BLOCK, len(self)))
            self._block = (epoch, block, self._shuffled(epoch, self.seed, all_positions))
        return self._block[2][positions - block * _BLOCK]

    def _shuffled(self, epoch: int, seed: int, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        if self._permutation is None or self._permutation[0] != epoch:
            self._permutation = (epoch, Permutation(self.samples, seed, epoch))
        return self._permutation[1](positions * self.world_size + self.rank)


def resolve_rank(rank: int | None, world_size: int | None) -> tuple[int, int]:
    """Return rank and world size as given; 0 and 1 if neither is.

    Raises ConfigError if only one is given, if the rank is out of range, and if neither is given
    but the environment has several ranks, which would all read the same samples.
    """
    if rank is None and world_size in (None, 1):
        ranks = os.environ.get("WORLD_SIZE", "1")
        if world_size is None and ranks not in ("", "1"):
            raise ConfigError(
                f"this is rank {os.environ.get('RANK', '?')} of {ranks} (RANK, WORLD_SIZE), and "
                "without a rank all would read the same samples; give rank= and world_size=, or "
                "world_size=1 if the trainer distributes batches itself (HF Trainer)"
            )
        return 0, 1
    if rank is None or world_size is None:
        raise ConfigError("rank and world_size go together; give both")
    if not 0 <= rank < world_size:
        raise ConfigError(f"rank {rank} is not one of {world_size}", field="rank")
    return rank, world_size


class Progress:
    """The current epoch, and how many of its samples were read before `start`.

    The numbers are in shared memory, so that `set_epoch` reaches loader workers that live longer
    than an epoch. A copy (`pickle`, `deepcopy`) has its own numbers.
    """

    def __init__(self, epoch: int = 0, start: int = 0) -> None:
        self._shared = RawArray("q", [epoch, start])

    @property
    def epoch(self) -> int:
        """The epoch, from 0."""
        return int(self._shared[0])

    @property
    def start(self) -> int:
        """The number of samples of this rank that the epoch skips."""
        return int(self._shared[1])

    def move(self, epoch: int, start: int) -> None:
        """Set epoch and start."""
        self._shared[:] = [epoch, start]

    def __getstate__(self) -> dict[str, Any]:
        # Shared memory can be passed only to a process that is being started.
        starting = get_spawning_popen() is not None
        return {"shared": self._shared} if starting else {"numbers": list(self._shared)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._shared = state["shared"] if "shared" in state else RawArray("q", state["numbers"])
