"""Carry one grid again and again, each time killed with SIGKILL one change of the disk later.

    killed_grids.py START ROOT

Each grid is that of `e.yaml` in a copy of START, in ROOT/1, ROOT/2, ...; after each kill it is
carried once more to its end. The last of the grids is the one that ends by itself.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

from penstock import train

CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir"}


def kill_at_change(number: int) -> None:
    """Kill this process just before its `number`-th change of the disk or call of fsync."""
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
        if writes or event in CHANGES:
            count()

    os.fsync = counted_fsync
    sys.addaudithook(watch)


def carry(place: Path, kill_at: int | None) -> bool:
    """Carry the grid in a child; return whether it lived to the end."""
    child = os.fork()
    if child == 0:
        os.chdir(place)
        if kill_at is not None:
            kill_at_change(kill_at)
        outcome = train("e.yaml")
        os._exit(len(outcome.failed))
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) != 0:
        sys.exit(f"{place}: a run failed")
    return os.WIFEXITED(status)


def main(start: str, root: str) -> None:
    for number in itertools.count(1):
        place = Path(root) / str(number)
        shutil.copytree(start, place)
        if carry(place, number):
            break
        carry(place, None)


if __name__ == "__main__":
    main(*sys.argv[1:])
