"""Repeat a write, and kill it one file-system change later each time.

    killed_writes.py KIND ROOT

KIND is `file`, `directory` or `manifest`. Each write starts from a copy of ROOT/start in ROOT/1,
ROOT/2, ... The last but one write is not killed; the last is killed by the kernel in the middle of
its bytes.
"""

from __future__ import annotations

import itertools
import os
import resource
import shutil
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from helpers.killing import kill_at_change
from penstock.files import staged_directory, write_atomic
from penstock.manifest import describe

NEW = b"new " * 5000


def write_file(root: Path) -> None:
    write_atomic(root / "a.txt", NEW)


def write_directory(root: Path) -> None:
    with staged_directory(root / "made") as staging:
        (staging / "one").write_bytes(NEW)
        (staging / "two").write_bytes(NEW)


def write_manifest(root: Path) -> None:
    rows = {f"{n}.jsonl": n for n in range(300)}
    manifest = describe(root, [], format="task_jsonl", task="copa", rows=rows)
    manifest.write(root)


WRITES: dict[str, Callable[[Path], None]] = {
    "file": write_file,
    "directory": write_directory,
    "manifest": write_manifest,
}


def kill_in_the_middle_of_bytes() -> None:
    """Let the kernel kill this process when a file grows beyond 4096 bytes."""
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))


def write_and_die(kind: str, root: Path, number: int, prepare: Callable[[], None]) -> bool:
    """Write in a child process after `prepare`; return True if it was not killed."""
    target = root / str(number)
    shutil.copytree(root / "start", target)
    child = os.fork()
    if child == 0:
        prepare()
        WRITES[kind](target)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0


def main(kind: str, root: Path) -> None:
    for number in itertools.count(1):
        if write_and_die(kind, root, number, partial(kill_at_change, number)):
            break
    if write_and_die(kind, root, number + 1, kill_in_the_middle_of_bytes):
        sys.exit("the last write was not killed")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
