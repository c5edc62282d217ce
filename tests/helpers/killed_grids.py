"""Train one grid again and again, each time killed by SIGKILL one disk write later.

    killed_grids.py START ROOT

Each grid is `e.yaml` in a copy of START: ROOT/1, ROOT/2, ... After each kill it is trained once
more to its end. The last grid is the first that ends without being killed.
"""

from __future__ import annotations

import itertools
import os
import shutil
import sys
from pathlib import Path

from helpers.killing import kill_at_change
from penstock import train


def train_in_child(workspace: Path, kill_at: int | None) -> bool:
    """Train the grid in a child process; return False if it was killed."""
    child = os.fork()
    if child == 0:
        os.chdir(workspace)
        if kill_at is not None:
            kill_at_change(kill_at)
        outcome = train("e.yaml")
        os._exit(len(outcome.failed))
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) != 0:
        sys.exit(f"{workspace}: a run failed")
    return os.WIFEXITED(status)


def main(start: str, root: str) -> None:
    for number in itertools.count(1):
        workspace = Path(root) / str(number)
        shutil.copytree(start, workspace)
        if train_in_child(workspace, number):
            break
        train_in_child(workspace, None)


if __name__ == "__main__":
    main(*sys.argv[1:])
