"""Run one migration again and again, each killed with SIGKILL one change of the disk later.

    killed_migrations.py SRC START ROOT OPTIONS

Each run starts from a copy of START (nothing where START is not there), in ROOT/1, ROOT/2, ...;
OPTIONS are the keyword arguments of `migrate` as JSON. The last run is the one that ends by itself.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

from penstock.migration import migrate

CHANGES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.symlink", "os.chmod"}


def kill_before_change(number: int) -> None:
    """Kill this process just before it changes the disk for the `number`-th time."""
    changes = itertools.count(1)

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & os.O_ACCMODE
        if (writes or event in CHANGES) and next(changes) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)


def main(src: str, start: str, root: str, options: str) -> None:
    for number in itertools.count(1):
        dst = Path(root) / str(number)
        if Path(start).exists():
            shutil.copytree(start, dst, symlinks=True)
        child = os.fork()
        if child == 0:
            kill_before_change(number)
            migrate(src, dst, **json.loads(options))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main(*sys.argv[1:])
