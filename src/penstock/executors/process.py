"""Run one process to its end: logs without secrets, a time limit, and no orphan."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

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
    timeout: float | None = None,
) -> ProcessOutcome:
    """Run `command` until it ends, `timeout` seconds have passed, or `stop` is set.

    Its output goes to the files line by line, with secrets masked. It gets a session of its own, so
    that a Ctrl-C in the terminal reaches only the caller, and the read end of a pipe
    (PENSTOCK_PARENT_PIPE) that closes when the caller is gone in whatever way.
    """
    read_end, write_end = os.pipe()
    full = {**os.environ, **environment, "PENSTOCK_PARENT_PIPE": str(read_end)}
    try:
        process = subprocess.Popen(
            command,
            env=full,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=(read_end,),
            start_new_session=True,
        )
    finally:
        os.close(read_end)
    assert process.stdout is not None
    assert process.stderr is not None
    copiers = [
        threading.Thread(target=_copy_redacted, args=(process.stdout, out)),
        threading.Thread(target=_copy_redacted, args=(process.stderr, err)),
    ]
    for copier in copiers:
        copier.start()
    try:
        return _wait(process, stop, timeout)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        for copier in copiers:
            copier.join()
        os.close(write_end)


def _wait(
    process: subprocess.Popen[bytes], stop: threading.Event, timeout: float | None
) -> ProcessOutcome:
    deadline = None if timeout is None else time.monotonic() + timeout
    while True:
        try:
            return ProcessOutcome(process.wait(_POLL_SECONDS))
        except subprocess.TimeoutExpired:
            late = deadline is not None and time.monotonic() > deadline
            if late or stop.is_set():
                return ProcessOutcome(_end(process), timed_out=late, stopped=not late)


def _end(process: subprocess.Popen[bytes]) -> int:
    process.terminate()
    try:
        return process.wait(_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _copy_redacted(stream: IO[bytes], path: Path) -> None:
    secrets = environment_secrets()
    with stream, path.open("ab", buffering=0) as log:
        for line in stream:
            log.write(redact_text(line.decode(errors="replace"), secrets).encode())
