"""Forked worker processes that take their items from one pipe, and leave no orphan."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from io import FileIO
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from types import TracebackType
from typing import Any, Self

from penstock.executors._base import (
    Outcome,
    WorkerError,
    attempt,
    portable,
    shown,
    use_one_thread,
)

#: How long a worker may take to end after it was asked to.
_GRACE_SECONDS = 10.0
#: A ticket is the index of an item, as so many bytes: a pipe hands so few out whole.
_TICKET_BYTES = 8
#: What reaches the workers too, from the terminal or a scheduler, and is for the caller to act on.
_IGNORED = (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


class Workers:
    """Processes that carry items, from the block's beginning to its end.

    They take tickets, one an item, from a pipe that all of them read: who is free takes the next.
    Each sends the index of the item it has begun and then its outcome. A second pipe, the lifeline,
    is held open by this process alone; they end when it closes, even if this process was killed.
    """

    def __init__(self, function: Callable[[Any], Any], items: Sequence[Any], count: int) -> None:
        self._function = function
        self._items = items
        self._count = count
        self._tickets = _Pipe()
        self._lifeline = _Pipe()
        self._waiting = iter(range(len(items)))
        self._processes: dict[Connection, ForkProcess] = {}
        #: The item that each worker has begun.
        self._begun: dict[Connection, int | None] = {}

    def __enter__(self) -> Self:
        try:
            for _ in range(self._count):
                self._start_one()
        except BaseException:
            self._end(at_once=True)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end(at_once=kind is not None)

    def ended(self) -> Iterator[tuple[int, Outcome]]:
        """Yield the index and the outcome of each item as it ends; none starts after a failure."""
        for _ in range(2 * self._count):  # one that runs and one that waits for each worker
            self._hand_out()
        while True:
            for connection in wait(list(self._processes)):
                assert isinstance(connection, Connection)
                index, message = self._begun[connection], self._receive(connection)
                if index is None:
                    self._begun[connection] = message
                    continue
                self._begun[connection] = None
                if message.error is not None:
                    self._waiting = iter(())
                self._hand_out()
                yield index, message

    def _start_one(self) -> None:
        """Fork a worker; signals wait until it has made up its mind about them."""
        receiver, sender = multiprocessing.Pipe(duplex=False)
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {*_IGNORED, signal.SIGTERM})
        try:
            process = multiprocessing.get_context("fork").Process(
                target=self._serve, args=(sender, mask), daemon=True
            )
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        sender.close()  # so that the pipe ends with the worker
        self._processes[receiver] = process
        self._begun[receiver] = None

    def _hand_out(self) -> None:
        index = next(self._waiting, None)
        if index is not None:
            self._tickets.writer.write(index.to_bytes(_TICKET_BYTES))

    def _receive(self, connection: Connection) -> Any:
        try:
            return connection.recv()
        except (EOFError, OSError):  # the second in the middle of a message
            return Outcome(error=self._death(connection))

    def _death(self, connection: Connection) -> WorkerError:
        """Return what is to be said of a worker that is gone; raises it where it had no item."""
        index = self._begun[connection]
        process = self._processes.pop(connection)
        process.join()
        place = "between two items" if index is None else f"at {shown(self._items[index])}"
        if (status := process.exitcode or 0) >= 0:
            error = WorkerError(f"a worker process ended with status {status} {place}")
        else:
            error = WorkerError(
                f"a worker process was killed by signal {-status} {place}; that is "
                f"mostly for want of memory: give more, or take fewer workers than {self._count}"
            )
        if index is None:
            raise error
        return error

    def _end(self, *, at_once: bool) -> None:
        """Wait for the workers to end; kill those that take too long, all on an interrupt."""
        self._tickets.writer.close()
        processes = list(self._processes.values())
        try:
            if at_once:
                for process in processes:
                    process.terminate()
            deadline = time.monotonic() + _GRACE_SECONDS
            for process in processes:
                process.join(max(0.0, deadline - time.monotonic()))
        finally:
            for process in processes:
                process.kill()
                process.join()
                process.close()
            for connection in self._processes:
                connection.close()
            self._tickets.reader.close()
            self._lifeline.close()

    def _serve(self, connection: Connection, mask: set[signal.Signals]) -> None:
        """Carry items until there are no more tickets; this is what a worker does."""
        for number in _IGNORED:
            signal.signal(number, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        _renew_streams()
        self._tickets.writer.close()
        self._lifeline.writer.close()
        threading.Thread(target=self._end_with_caller, daemon=True).start()
        use_one_thread()
        while ticket := self._tickets.reader.read(_TICKET_BYTES):
            index = int.from_bytes(ticket)
            connection.send(index)
            connection.send_bytes(_pickled(attempt(self._function, self._items[index])))

    def _end_with_caller(self) -> None:
        self._lifeline.reader.read(1)
        os._exit(1)


class _Pipe:
    """Both ends of a pipe."""

    def __init__(self) -> None:
        reader, writer = os.pipe()
        self.reader = FileIO(reader, "r")
        self.writer = FileIO(writer, "w")

    def close(self) -> None:
        self.reader.close()
        self.writer.close()


def _renew_streams() -> None:
    """Write to the same places through new streams.

    A thread of the caller, such as a progress display, may have held the locks of the old ones when
    the worker was forked; nobody would ever release them here.
    """
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        with suppress(OSError):  # a daemon has none
            setattr(sys, name, open(descriptor, "w", buffering=1, closefd=False))  # noqa: SIM115


def _pickled(outcome: Outcome) -> bytes:
    try:
        return pickle.dumps(outcome)
    except Exception as error:
        return pickle.dumps(Outcome(error=portable(error)))
