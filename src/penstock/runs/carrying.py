"""What every process that carries a run does around its work: signals, the record, the status."""

from __future__ import annotations

import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from penstock.errors import PenstockError
from penstock.runs.directory import RunDirectory
from penstock.runs.records import Failure, FailureKind, RunRecord, RunResult, State, now

_STATUS = {State.DONE: 0, State.FAILED: 1, State.INTERRUPTED: 130}


class RunFailedError(PenstockError):
    """A run that failed in a way that has a kind of its own."""

    def __init__(self, message: str, kind: FailureKind) -> None:
        self.kind = kind
        super().__init__(message)


class _Stopped(BaseException):
    """Asked to stop by a signal."""


def _stop(signum: int, frame: FrameType | None) -> None:
    raise _Stopped


def carry_run(path: Path, train: Callable[[RunRecord, RunDirectory], RunResult]) -> int:
    """Train the run of the directory `path`, and write what came of it into its record.

    Return the exit status: 0 when the run is done, 1 when it failed, 130 when SIGTERM or SIGINT
    stopped it. `train` may change the record, which is written after it; an exception of it is
    the run's failure. So is data that is not what the record says: it may have changed since the
    run was planned.
    """
    for asked in (signal.SIGTERM, signal.SIGINT):
        signal.signal(asked, _stop)
    directory = RunDirectory(path)
    record = directory.read()
    try:
        for use in record.datasets:
            use.manifest.require_unchanged(Path(use.path))
        record.result = train(record, directory)
        record.state = State.DONE
    except _Stopped:
        record.state = State.INTERRUPTED
    except Exception as error:
        record.state, record.failure = State.FAILED, _failure(error)
    # The record is about to be written whole: to stop now would lose it.
    for asked in (signal.SIGTERM, signal.SIGINT):
        signal.signal(asked, signal.SIG_IGN)
    record.finished = now()
    directory.write(record)
    return _STATUS[record.state]


def _failure(error: Exception) -> Failure:
    """Say on the log how a run failed, and return it for the record."""
    known = isinstance(error, PenstockError)
    message = str(error) if known else f"{type(error).__name__}: {error}".rstrip(": ")
    print(message if known else traceback.format_exc(), file=sys.stderr, flush=True)
    kind = error.kind if isinstance(error, RunFailedError) else FailureKind.ERROR
    if _is_out_of_memory(error):
        kind = FailureKind.OUT_OF_MEMORY
    return Failure(kind=kind, message=message, status=_STATUS[State.FAILED])


def _is_out_of_memory(error: Exception) -> bool:
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(
        words in text
        for words in ("out of memory", "can't allocate memory", "cannot allocate memory")
    )
