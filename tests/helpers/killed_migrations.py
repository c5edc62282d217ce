"""Run a migration repeatedly, each run killed with SIGKILL one file-system change later.

    killed_migrations.py SRC START ROOT OPTIONS

Run N starts in ROOT/N from a copy of START, or from nothing if START does not exist. OPTIONS are
the keyword arguments of `migrate` as JSON. The last run is the first that completes.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import sys
from pathlib import Path

from helpers.killing import kill_at_change
from penstock.migration import migrate


def main(src: str, start: str, root: str, options: str) -> None:
    for number in itertools.count(1):
        dst = Path(root) / str(number)
        if Path(start).exists():
            shutil.copytree(start, dst, symlinks=True)
        child = os.fork()
        if child == 0:
            kill_at_change(number)
            migrate(src, dst, **json.loads(options))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main(*sys.argv[1:])
