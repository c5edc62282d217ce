"""Carry one grid again and again, each time killed with SIGKILL one change of the disk later.

    killed_grids.py START ROOT

Each grid is that of `e.yaml` in a copy of START, in ROOT/1, ROOT/2, ...; after each kill it is
carried once more to its end. The last of the grids is the one that ends by itself.
"""

from __future__ import annotations

import itertools
import os
import shutil
import sys
from pathlib import Path

from helpers.killing import kill_at_change
from penstock import train


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
