"""Wait for other processes with a time limit, and end them."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

#: After so many seconds of waiting a test fails.
TIMEOUT = 60


def wait_for(condition: Callable[[], Any], what: str = "a condition") -> None:
    """Wait until a condition is true; fail after TIMEOUT."""
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.01)


def lock_is_free(path: Path) -> bool:
    """Return True if no process holds the lock on a file."""
    with path.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def alive(pid: int) -> bool:
    """Return True if a process is running; a zombie is not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:  # it has just ended, or this system has no /proc
        return not Path("/proc").is_dir()


def end(process: subprocess.Popen[str], number: signal.Signals) -> tuple[str, str]:
    """Send a signal, wait for the process, and return its stdout and stderr."""
    process.send_signal(number)
    return process.communicate(timeout=TIMEOUT)
