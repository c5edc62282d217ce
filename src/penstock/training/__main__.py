"""The process that carries one built-in run: `python -m penstock.training RUN_DIRECTORY`.

Reads `run.json`, trains, and writes the result or the failure into it. It ends with status 0 when
the run is done, 1 when it failed, 130 when it was stopped.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from penstock.errors import PenstockError
from penstock.runs import Failure, FailureKind, RunDirectory, State


class _Stopped(BaseException):
    """Asked to stop by a signal."""


def _stop(signum: int, frame: FrameType | None) -> None:
    raise _Stopped


def _end_with(descriptor: int) -> None:
    """End this process when the one that holds the other end of the pipe is gone."""
    os.read(descriptor, 1)
    os._exit(1)


def main(path: Path) -> int:
    """Carry the run at `path`; return the exit status."""
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    parent = os.environ.pop("PENSTOCK_PARENT_PIPE", None)
    if parent is not None:
        threading.Thread(target=_end_with, args=(int(parent),), daemon=True).start()
    directory = RunDirectory(path)
    record = directory.read()
    status = 0
    try:
        from penstock.training.loop import NotFiniteError, Trainer

        record.result = Trainer(record.config, directory, record.device).train()
        record.state = State.DONE
    except _Stopped:
        record.state = State.INTERRUPTED
        status = 130
    except Exception as error:
        kind = FailureKind.ERROR
        if _is_out_of_memory(error):
            kind = FailureKind.OUT_OF_MEMORY
        elif isinstance(error, NotFiniteError):
            kind = FailureKind.NOT_FINITE
        known = isinstance(error, PenstockError)
        message = str(error) if known else f"{type(error).__name__}: {error}"
        record.state = State.FAILED
        record.failure = Failure(kind=kind, message=message, status=1)
        print(message if known else traceback.format_exc(), file=sys.stderr, flush=True)
        status = 1
    record.finished = datetime.now(UTC).isoformat(timespec="seconds")
    directory.write(record)
    return status


def _is_out_of_memory(error: Exception) -> bool:
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(
        words in text
        for words in ("out of memory", "can't allocate memory", "cannot allocate memory")
    )


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
