"""Run one process to its end: logs without secrets, a time limit, and no orphan."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from penstock.redaction import environment_secrets, redact_text

_POLL_SECONDS = 0.1
#: How long a process may take to end after SIGTERM.
_GRACE_SECONDS = 10.0
#: Reads a process group from stdin, waits until stdin closes, and kills the group.
_GUARD_SCRIPT = 'read group && ! read end && kill -KILL "-$group"'


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

    In the last two cases it gets SIGTERM, and SIGKILL after some seconds or when `kill` is set.

    Its output is appended to the files line by line, with secrets masked. `edit(stream, line)`,
    called in one thread for "out" and one for "err", returns the text to write. The process runs
    in its own session, so that a Ctrl-C in the terminal does not reach it. It is killed, with all
    processes of its session, when this function returns and when the calling process dies. Raises
    OSError if the command cannot be started.
    """
    full = {**os.environ, **environment}
    secrets = environment_secrets(full)

    def copy(name: str, stream: IO[bytes], log: IO[bytes]) -> None:
        with stream:
            for line in stream:
                text = line.decode(errors="replace")
                log.write(redact_text(edit(name, text) if edit else text, secrets).encode())

    with (
        out.open("ab", buffering=0) as out_log,
        err.open("ab", buffering=0) as err_log,
        _orphan_guard() as guard,
    ):
        process = subprocess.Popen(
            command,
            env=full,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        guard.write(f"{process.pid}\n".encode())
        guard.flush()
        streams = (("out", process.stdout, out_log), ("err", process.stderr, err_log))
        copiers = [threading.Thread(target=copy, args=stream) for stream in streams]
        for copier in copiers:
            copier.start()
        try:
            return _wait(process, stop, kill or threading.Event(), timeout)
        finally:
            # A surviving child of the process would keep the pipes open.
            _signal_group(process, signal.SIGKILL)
            process.wait()
            for copier in copiers:
                copier.join()


@contextmanager
def _orphan_guard() -> Iterator[IO[bytes]]:
    """Yield a stream for the id of a process group to kill if this process dies in the block.

    A process that is killed cannot clean up; a shell in its own session does it, so that no
    orphan keeps using a device.
    """
    shell = subprocess.Popen(
        ["/bin/sh", "-c", _GUARD_SCRIPT],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert shell.stdin is not None
    try:
        yield shell.stdin
    finally:
        shell.kill()
        shell.communicate()


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
    _signal_group(process, signal.SIGTERM)
    deadline = time.monotonic() + _GRACE_SECONDS
    while time.monotonic() < deadline and not kill.is_set():
        with suppress(subprocess.TimeoutExpired):
            return process.wait(_POLL_SECONDS)
    _signal_group(process, signal.SIGKILL)
    return process.wait()


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):  # PermissionError: only zombies are left
        os.killpg(process.pid, number)
