"""What every training process does around its work: signals, the record, the exit status."""

from __future__ import annotations

import resource
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from penstock.errors import PenstockError
from penstock.runs.directory import RunDirectory
from penstock.runs.record import Failure, FailureKind, RunRecord, RunResult, State, now

_STATUS = {State.DONE: 0, State.FAILED: 1, State.INTERRUPTED: 130}
_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "cannot allocate memory")


class RunFailedError(PenstockError):
    """A run failed, for a reason that has its own `FailureKind`."""

    def __init__(self, message: str, kind: FailureKind) -> None:
        self.kind = kind
        super().__init__(message)


class _Stopped(BaseException):
    """A signal asked the process to stop."""


def _stop(signum: int, frame: FrameType | None) -> None:
    raise _Stopped


def execute_run(path: Path, train: Callable[[RunRecord, RunDirectory], RunResult]) -> int:
    """Train the run of directory `path` and write its result or failure to its record.

    Returns the exit status: 0 when the run is done, 1 when it failed, 130 when SIGTERM or SIGINT
    stopped it. `train` may change the record, which is written afterwards. An exception of `train`
    is the run's failure, and so is data that has changed since the run was planned.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
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
    # A signal from here on would lose the record.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    record.finished = now()
    directory.write(record)
    return _STATUS[record.state]


def _failure(error: Exception) -> Failure:
    """Print why a run failed, and return it for the record."""
    known = isinstance(error, PenstockError)
    message = str(error) if known else f"{type(error).__name__}: {error}".rstrip(": ")
    print(message if known else traceback.format_exc(), file=sys.stderr, flush=True)
    kind = error.kind if isinstance(error, RunFailedError) else FailureKind.ERROR
    text = str(error).lower()
    if isinstance(error, MemoryError) or any(words in text for words in _OUT_OF_MEMORY):
        kind = FailureKind.OUT_OF_MEMORY
    return Failure(kind=kind, message=message, status=_STATUS[State.FAILED])


def peak_resident_bytes(of: int = resource.RUSAGE_SELF) -> int:
    """Return the peak resident bytes of this process or (RUSAGE_CHILDREN) its largest child."""
    peak = resource.getrusage(of).ru_maxrss
    # macOS reports bytes, Linux KiB.
    return peak if sys.platform == "darwin" else peak * 1024
