"""Signals that end a verb the way Ctrl-C does."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Take `kill` and a terminal that closes for a Ctrl-C, and answer it at once."""

    def interrupt(signum: int, frame: FrameType | None) -> None:
        with suppress(OSError):
            os.write(sys.stderr.fileno(), b"\nstopping; once more stops at once\n")
        raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in _STOPPING}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:  # nohup has set it
            signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
