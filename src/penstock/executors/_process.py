"""Run one process to its end: logs without secrets, a time limit, and no orphan."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from penstock.executors._guard import Guard
from penstock.redaction import environment_secrets, redact_text

_POLL_SECONDS = 0.1
#: How long a process may take to end after it was asked to.
_GRACE_SECONDS = 10.0


@dataclass(frozen=True)
class ProcessOutcome:
    """How a process ended. `status` is the exit status, or minus the signal that ended it."""

    status: int
    timed_out: bool = False
    stopped: bool = False


def run_process(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    out: Path,
    err: Path,
    stop: threading.Event,
    kill: threading.Event | None = None,
    timeout: float | None = None,
    edit: Callable[[str, str], str] | None = None,
) -> ProcessOutcome:
    """Run `command` until it ends, `timeout` seconds have passed, or `stop` is set.

    It is asked to end and has some seconds to do so, unless `kill` is set.

    Its output goes to the files line by line, with secrets masked; `edit` is given `out` or `err`
    and each line before, in threads of their own, and returns what to write. The process gets a
    session of its own, so that a Ctrl-C in the terminal reaches only the caller. It ends, with all
    that it has started in its session, when this function does, and when the caller is gone in
    whatever way. Raises OSError for a command that cannot be started.
    """
    full = {**os.environ, **environment}
    secrets = environment_secrets(full)
    with (
        out.open("ab", buffering=0) as out_log,
        err.open("ab", buffering=0) as err_log,
        Guard() as guard,
    ):
        process = subprocess.Popen(
            command,
            env=full,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        guard.watch(process.pid)
        copiers = [
            threading.Thread(target=_copy_redacted, args=(name, stream, log, secrets, edit))
            for name, stream, log in (
                ("out", process.stdout, out_log),
                ("err", process.stderr, err_log),
            )
        ]
        for copier in copiers:
            copier.start()
        try:
            return _wait(process, stop, kill or threading.Event(), timeout)
        finally:
            # A child of the process that lives on would keep the logs from their end.
            _signal(process, signal.SIGKILL)
            process.wait()
            for copier in copiers:
                copier.join()


def _wait(
    process: subprocess.Popen[bytes],
    stop: threading.Event,
    kill: threading.Event,
    timeout: float | None,
) -> ProcessOutcome:
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        try:
            return ProcessOutcome(process.wait(_POLL_SECONDS))
        except subprocess.TimeoutExpired:
            late = deadline is not None and time.monotonic() > deadline
            if late or stop.is_set():
                return ProcessOutcome(_end(process, kill), timed_out=late, stopped=not late)


def _end(process: subprocess.Popen[bytes], kill: threading.Event) -> int:
    _signal(process, signal.SIGTERM)
    deadline = time.monotonic() + _GRACE_SECONDS
    while time.monotonic() < deadline and not kill.is_set():
        with suppress(subprocess.TimeoutExpired):
            return process.wait(_POLL_SECONDS)
    _signal(process, signal.SIGKILL)
    return process.wait()


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Send a signal to the process and to all that it started in its session."""
    with suppress(ProcessLookupError, PermissionError):  # the second where only dead ones are left
        os.killpg(process.pid, number)


def _copy_redacted(
    name: str,
    stream: IO[bytes],
    log: IO[bytes],
    secrets: tuple[str, ...],
    edit: Callable[[str, str], str] | None,
) -> None:
    with stream:
        for line in stream:
            text = line.decode(errors="replace")
            log.write(redact_text(edit(name, text) if edit else text, secrets).encode())
