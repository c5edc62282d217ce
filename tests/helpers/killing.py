"""Kill a process at a chosen disk write."""

from __future__ import annotations

import itertools
import os
import signal
import sys
from typing import Any

_CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink", "os.chmod"}


def kill_at_change(number: int) -> None:
    """Kill this process just before its `number`-th disk write or call of fsync."""
    changes = itertools.count(1)
    fsync = os.fsync

    def count() -> None:
        if next(changes) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    def counted_fsync(descriptor: int) -> None:
        count()
        fsync(descriptor)

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & os.O_ACCMODE
        if writes or event in _CHANGES:
            count()

    os.fsync = counted_fsync
    sys.addaudithook(watch)
