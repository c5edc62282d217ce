"""The process that carries one built-in run: `python -m penstock.training RUN_DIRECTORY`.

Reads `run.json`, trains, and writes the result or the failure into it. It ends with status 0 when
the run is done, 1 when it failed, 130 when it was stopped.
"""

from __future__ import annotations

import signal
import sys
import traceback
from pathlib import Path
from types import FrameType

from penstock.errors import MissingExtraError, PenstockError
from penstock.runs import Failure, FailureKind, RunDirectory, RunRecord, RunResult, State, now
from penstock.training.errors import NotFiniteError

_STATUS = {State.DONE: 0, State.FAILED: 1, State.INTERRUPTED: 130}


class _Stopped(BaseException):
    """Asked to stop by a signal."""


def _stop(signum: int, frame: FrameType | None) -> None:
    raise _Stopped


def main(path: Path) -> int:
    """Carry the run at `path`; return the exit status."""
    for asked in (signal.SIGTERM, signal.SIGINT):
        signal.signal(asked, _stop)
    directory = RunDirectory(path)
    record = directory.read()
    try:
        record.result = _train(record, directory)
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


def _train(record: RunRecord, directory: RunDirectory) -> RunResult:
    try:
        from penstock.training.loop import Trainer
    except ModuleNotFoundError as error:
        raise MissingExtraError(str(error.name), "train", "training") from None
    return Trainer(record.config, directory, record.device).train()


def _failure(error: Exception) -> Failure:
    """Say on the log how a run failed, and return it for the record."""
    known = isinstance(error, PenstockError)
    message = str(error) if known else f"{type(error).__name__}: {error}".rstrip(": ")
    print(message if known else traceback.format_exc(), file=sys.stderr, flush=True)
    kind = FailureKind.ERROR
    if _is_out_of_memory(error):
        kind = FailureKind.OUT_OF_MEMORY
    elif isinstance(error, NotFiniteError):
        kind = FailureKind.NOT_FINITE
    return Failure(kind=kind, message=message, status=_STATUS[State.FAILED])


def _is_out_of_memory(error: Exception) -> bool:
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(
        words in text
        for words in ("out of memory", "can't allocate memory", "cannot allocate memory")
    )


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
