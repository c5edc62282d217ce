"""How a run's record ends: done, failed in some way, or interrupted."""

from __future__ import annotations

import signal
from pathlib import Path

from penstock.executors import ProcessOutcome
from penstock.runs import Failure, FailureKind, RunDirectory, RunRecord, State, now

#: How much of the end of a log is looked through for the last thing that was said, in bytes.
_TAIL = 65536


def settle(
    directory: RunDirectory, outcome: ProcessOutcome | OSError, timeout: float | None
) -> RunRecord:
    """Complete and write the record of a run whose process has ended, or could not be started.

    What the process wrote itself is kept: a run that was done when it was stopped is done.
    """
    record = directory.read()
    if record.state is not State.DONE:
        record.state, record.failure = _end(directory, record, outcome, timeout)
    if record.failure is not None and isinstance(outcome, ProcessOutcome):
        record.failure.status = outcome.status
    record.finished = record.finished or now()
    directory.write(record)
    return record


def _end(
    directory: RunDirectory,
    record: RunRecord,
    outcome: ProcessOutcome | OSError,
    timeout: float | None,
) -> tuple[State, Failure | None]:
    if isinstance(outcome, OSError):
        message = f"cannot be started: {outcome.strerror}: {outcome.filename}"
        return State.FAILED, Failure(kind=FailureKind.ERROR, message=message)
    if outcome.timed_out:
        message = f"took over {timeout:g} seconds"
        return State.FAILED, Failure(kind=FailureKind.TIME_OUT, message=message)
    if outcome.stopped:
        return State.INTERRUPTED, None
    if record.state is State.RUNNING:
        return State.FAILED, _unexplained(directory, record, outcome.status)
    return record.state, record.failure


def _unexplained(directory: RunDirectory, record: RunRecord, status: int) -> Failure:
    """Return the failure of a process that ended without a word in the record."""
    if status < 0:
        hint = "; the kernel does this when memory runs out" if -status == signal.SIGKILL else ""
        message = f"ended by {_signal_name(-status)}{hint}"
        return Failure(kind=FailureKind.KILLED, message=message)
    what = f"ended with status {status}" if status else "ended without a result"
    last = _last_line(directory.log_file(record.config, "err"))
    message = f"{what}: {last or 'it said nothing'}"
    return Failure(kind=FailureKind.ERROR, message=message)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _last_line(path: Path) -> str | None:
    with path.open("rb") as log:
        log.seek(max(0, path.stat().st_size - _TAIL))
        lines = log.read().decode(errors="replace").splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip()), None)
