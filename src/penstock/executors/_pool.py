"""Forked worker processes that take items from a shared pipe and never outlive their caller."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from io import FileIO
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from typing import Any

from penstock.executors._base import (
    Outcome,
    WorkerError,
    item_label,
    picklable,
    run_item,
    use_one_thread,
)

#: How long a worker may take to end after SIGTERM.
_GRACE_SECONDS = 10.0
#: An item's index is sent in so many bytes: few enough for a pipe to deliver them in one piece.
_INDEX_BYTES = 8
#: A terminal or a scheduler sends these to the workers, too; only the caller handles them.
_IGNORED = (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


class WorkerPool:
    """Processes that run items.

    All of them read item indices from one pipe: whichever is free takes the next. Each sends the
    index of the item it starts and then its outcome. Only this process has the write end of a
    second pipe, the lifeline; workers exit when it closes, even if this process was killed.
    """

    def __init__(self, function: Callable[[Any], Any], items: Sequence[Any], count: int) -> None:
        self._function = function
        self._items = items
        self._count = count
        self._index_reader, self._index_writer = _pipe()
        self._lifeline_reader, self._lifeline_writer = _pipe()
        self._waiting = iter(range(len(items)))
        self._processes: dict[Connection, ForkProcess] = {}
        #: The item that each worker is running.
        self._running: dict[Connection, int | None] = {}

    def outcomes(self) -> Generator[tuple[int, Outcome], None, None]:
        """Start the workers; yield the index and the outcome of each item as it ends.

        No item starts after a failure. The workers have ended when the generator is closed.
        """
        remaining = len(self._items)
        try:
            for _ in range(self._count):
                self._start_worker()
            for _ in range(2 * self._count):  # one to run and one to wait for each worker
                self._send_index()
            while remaining:
                for connection in wait(list(self._processes)):
                    assert isinstance(connection, Connection)
                    index, message = self._running[connection], self._receive(connection)
                    if index is None:
                        self._running[connection] = message
                        continue
                    self._running[connection] = None
                    if message.error is not None:
                        self._waiting = iter(())
                    self._send_index()
                    remaining -= 1
                    yield index, message
        finally:
            self._end(at_once=remaining > 0)

    def _start_worker(self) -> None:
        """Fork a worker, with signals blocked until it has set its handlers."""
        receiver, sender = multiprocessing.Pipe(duplex=False)
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {*_IGNORED, signal.SIGTERM})
        try:
            process = multiprocessing.get_context("fork").Process(
                target=self._serve, args=(sender, mask), daemon=True
            )
            process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        sender.close()  # so that the pipe closes when the worker ends
        self._processes[receiver] = process
        self._running[receiver] = None

    def _send_index(self) -> None:
        index = next(self._waiting, None)
        if index is not None:
            self._index_writer.write(index.to_bytes(_INDEX_BYTES))

    def _receive(self, connection: Connection) -> Any:
        """Return the next message of a worker, or a failed outcome if it has died."""
        try:
            return connection.recv()
        except (EOFError, OSError):  # OSError: it died in the middle of a message
            pass
        index = self._running[connection]
        process = self._processes.pop(connection)
        process.join()
        position = "between two items" if index is None else f"at {item_label(self._items[index])}"
        if (status := process.exitcode or 0) >= 0:
            error = WorkerError(f"a worker process ended with status {status} {position}")
        else:
            error = WorkerError(
                f"a worker process was killed by signal {-status} {position}, most likely because "
                f"memory ran out; use fewer workers than {self._count}"
            )
        if index is None:
            raise error
        return Outcome(error=error)

    def _end(self, *, at_once: bool) -> None:
        """Wait for the workers, after SIGTERM if `at_once`; kill those that take too long."""
        self._index_writer.close()
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
            self._index_reader.close()
            self._lifeline_reader.close()
            self._lifeline_writer.close()

    def _serve(self, connection: Connection, mask: set[signal.Signals]) -> None:
        """Run items until there are no more (in the worker)."""
        for number in _IGNORED:
            signal.signal(number, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        _reopen_streams()
        self._index_writer.close()
        self._lifeline_writer.close()
        threading.Thread(target=self._exit_with_caller, daemon=True).start()
        use_one_thread()
        while data := self._index_reader.read(_INDEX_BYTES):
            index = int.from_bytes(data)
            connection.send(index)
            outcome = run_item(self._function, self._items[index])
            try:
                message = pickle.dumps(outcome)
            except Exception as error:
                message = pickle.dumps(Outcome(error=picklable(error)))
            connection.send_bytes(message)

    def _exit_with_caller(self) -> None:
        self._lifeline_reader.read(1)
        os._exit(1)


def _pipe() -> tuple[FileIO, FileIO]:
    reader, writer = os.pipe()
    return FileIO(reader, "r"), FileIO(writer, "w")


def _reopen_streams() -> None:
    """Replace stdout and stderr by new streams to the same files.

    A thread of the caller, such as a progress display, may have held the lock of an old stream
    during the fork, and nothing would release it in the worker.
    """
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        with suppress(OSError):  # a daemon has none
            setattr(sys, name, open(descriptor, "w", buffering=1, closefd=False))  # noqa: SIM115
