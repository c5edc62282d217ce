"""Where in its epochs a dataset stands, seen alike by a trainer and the workers of its loader."""

from __future__ import annotations

from multiprocessing.context import get_spawning_popen
from multiprocessing.sharedctypes import RawArray
from typing import Any


class Progress:
    """The epoch, and how many samples of it were taken before.

    The numbers lie in memory that worker processes share with the process that started them: what
    `set_epoch` says reaches workers that live longer than an epoch. A copy (`pickle`, `deepcopy`)
    has numbers of its own.
    """

    def __init__(self, epoch: int = 0, start: int = 0) -> None:
        self._shared = RawArray("q", [epoch, start])

    @property
    def epoch(self) -> int:
        """The epoch, from 0."""
        return int(self._shared[0])

    @property
    def start(self) -> int:
        """The number of samples of this rank that the epoch begins after."""
        return int(self._shared[1])

    def move(self, epoch: int, start: int) -> None:
        """Stand in an epoch, after some samples of it."""
        self._shared[:] = [epoch, start]

    def __getstate__(self) -> dict[str, Any]:
        # Shared memory can only be handed to a process while it is being started.
        starting = get_spawning_popen() is not None
        return {"shared": self._shared} if starting else {"numbers": list(self._shared)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._shared = state["shared"] if "shared" in state else RawArray("q", state["numbers"])
