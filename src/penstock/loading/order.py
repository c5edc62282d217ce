"""Which sample a rank gets when: the order of an epoch, shared out among ranks."""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import NDArray

from penstock.errors import ConfigError
from penstock.loading.permutation import Permutation

#: Places of a shuffled order that are computed at a time; one alone costs nearly as much.
_BLOCK = 1024


class EpochOrder:
    """The samples of one rank, epoch by epoch.

    The order of an epoch is one for all ranks, and rank r has its places r, r + world_size, ...:
    what all ranks take in one step stands together in it, however many ranks there are.
    """

    def __init__(self, samples: int, seed: int | None, rank: int, world_size: int) -> None:
        """Share out some samples, shuffled by `seed` where it is not None."""
        self.samples, self.seed = samples, seed
        self.rank, self.world_size = rank, world_size
        self._permutation: tuple[int, Permutation] | None = None
        self._block: tuple[int, int, NDArray[np.int64]] | None = None

    def __len__(self) -> int:
        """The number of samples of each rank."""
        return self.samples // self.world_size

    def at(self, epoch: int, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the numbers of the samples at some places of this rank."""
        if self.seed is None:
            return self._in_order(places)
        first, last = (int(places.min()), int(places.max())) if places.size else (0, 0)
        if first // _BLOCK != last // _BLOCK:
            return self._shuffled(epoch, self.seed)(self._in_order(places))
        block = first // _BLOCK
        if self._block is None or self._block[:2] != (epoch, block):
            whole = np.arange(block * _BLOCK, min((block + 1) * _BLOCK, len(self)))
            numbers = self._shuffled(epoch, self.seed)(self._in_order(whole))
            self._block = (epoch, block, numbers)
        return self._block[2][places - block * _BLOCK]

    def _in_order(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        return places * self.world_size + self.rank

    def _shuffled(self, epoch: int, seed: int) -> Permutation:
        if self._permutation is None or self._permutation[0] != epoch:
            self._permutation = (epoch, Permutation(self.samples, seed, epoch))
        return self._permutation[1]


def place_among_ranks(rank: int | None, world_size: int | None) -> tuple[int, int]:
    """Return rank and world size as they were given, 0 and 1 where neither was.

    Raises ConfigError for half of them, for a rank that is none, and where they were not given and
    the environment says that there are several: all would read the same samples.
    """
    if rank is None and world_size is None:
        ranks = os.environ.get("WORLD_SIZE", "1")
        if ranks not in ("", "1"):
            raise ConfigError(
                f"this is rank {os.environ.get('RANK', '?')} of {ranks} (RANK, WORLD_SIZE), and "
                "without a rank all would read the same samples; give rank= and world_size=, or "
                "world_size=1 where the trainer shares the batches out itself (HF Trainer)"
            )
        return 0, 1
    if rank is None and world_size == 1:
        return 0, 1
    if rank is None or world_size is None:
        raise ConfigError("rank and world_size go together; give both")
    if not 0 <= rank < world_size:
        raise ConfigError(f"rank {rank} is not one of {world_size}", field="rank")
    return rank, world_size
