"""Ctrl-C ends the workers, a second one kills them, and kill -9 of the caller leaves no orphan."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from helpers.processes import TIMEOUT, lock_is_free, wait_for

#: Two workers each hold a lock and sleep; each writes its pid, and a file when it cleans up.
CALLER = """
import fcntl, os, signal, sys, time
from pathlib import Path
from penstock.executors import LocalExecutor

home, manner = Path(sys.argv[1]), sys.argv[2]

def stay(item):
    lock = (home / f"{item}.lock").open("a")
    fcntl.flock(lock, fcntl.LOCK_EX)
    if manner == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    (home / f"{item}.pid").write_text(str(os.getpid()))
    try:
        time.sleep(600)
    finally:
        (home / f"{item}.cleaned").touch()

try:
    list(LocalExecutor(workers=2).map(stay, ["a", "b", "c"]))
except KeyboardInterrupt:
    print("interrupted")
    sys.exit(130)
"""


@contextmanager
def caller(home: Path, manner: str) -> Iterator[subprocess.Popen[str]]:
    """Start a caller in its own session, and wait until both workers are running."""
    with subprocess.Popen(
        [sys.executable, "-c", CALLER, home, manner],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            wait_for(lambda: {p.name for p in home.glob("*.pid")} == {"a.pid", "b.pid"})
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("group", [True, False], ids=["to the group", "to the caller"])
def test_an_interrupt_ends_the_workers_after_cleanup(tmp_path: Path, group: bool) -> None:
    with caller(tmp_path, "obliging") as process:
        (os.killpg if group else os.kill)(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=TIMEOUT)
    assert (process.returncode, out, err) == (130, "interrupted\n", "")
    assert lock_is_free(tmp_path / "a.lock")
    assert lock_is_free(tmp_path / "b.lock")
    assert {p.name for p in tmp_path.glob("*.cleaned")} == {"a.cleaned", "b.cleaned"}
    assert not (tmp_path / "c.pid").exists()


def test_a_second_interrupt_kills_workers_that_ignore_sigterm(tmp_path: Path) -> None:
    with caller(tmp_path, "stubborn") as process:
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        assert not lock_is_free(tmp_path / "a.lock")
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=TIMEOUT)
    assert (process.returncode, out) == (130, "interrupted\n")
    assert lock_is_free(tmp_path / "a.lock")
    assert lock_is_free(tmp_path / "b.lock")


@pytest.mark.parametrize("manner", ["obliging", "stubborn"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_when_the_caller_is_killed(
    tmp_path: Path, number: signal.Signals, manner: str
) -> None:
    with caller(tmp_path, manner) as process:
        process.send_signal(number)
        assert process.wait(TIMEOUT) == -number
        wait_for(lambda: lock_is_free(tmp_path / "a.lock") and lock_is_free(tmp_path / "b.lock"))
    assert not (tmp_path / "c.pid").exists()
