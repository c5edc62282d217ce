"""Wait for what other processes do, but not for ever."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable
from pathlib import Path

#: What has not come after so many seconds does not come.
PATIENCE = 60


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds; fails where it does not within PATIENCE."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def lock_is_free(path: Path) -> bool:
    """Say whether no process holds the lock on a file."""
    with path.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True
