"""The interface of executors, and what their workers share."""

from __future__ import annotations

import os
import pickle
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from pydantic import Field

from penstock.config import Options
from penstock.errors import PenstockError

Item = TypeVar("Item")
Result = TypeVar("Result")

#: One thread per worker: libraries with their own threads would oversubscribe the cores.
_ONE_THREAD = {"TOKENIZERS_PARALLELISM": "false", "OMP_NUM_THREADS": "1"}
_LABEL_CHARACTERS = 200


class WorkerError(PenstockError):
    """A worker ended without a result."""


class Executor(Options, ABC):
    """Runs a pure function over items; its fields are its settings.

    A module of `penstock.executors` holds the class as `EXECUTOR`.
    """

    #: True if workers inherit the caller's memory, False if they start empty.
    shares_memory: ClassVar[bool] = False

    workers: int | None = Field(None, ge=1, description="How many items run at the same time.")

    @abstractmethod
    def map(
        self, function: Callable[[Item], Result], items: Sequence[Item]
    ) -> Generator[tuple[Item, Result], None, None]:
        """Yield each item with its result as it ends; nothing starts before the first `next`.

        Items start in their order. An exception of the function stops the others and is raised
        unchanged; if several fail, that of the earliest item is raised. KeyboardInterrupt and
        closing the generator stop the running items, too. Raises WorkerError if a worker dies,
        ConfigError if a cluster is unusable. Results are sent between processes: keep them small.
        """

    def render(self, items: Sequence[Any]) -> str | None:
        """Return the script that `map` submits for these items, None if it submits none."""
        return None


@dataclass(frozen=True)
class Outcome:
    """The result of one item, or the exception that it raised."""

    result: Any = None
    error: Exception | None = None


def run_item(function: Callable[[Item], Result], item: Item) -> Outcome:
    """Call a function in a worker; the outcome can be sent to another process."""
    try:
        return Outcome(function(item))
    except Exception as error:
        return Outcome(error=picklable(error))


def picklable(error: Exception) -> Exception:
    """Return the exception, or a WorkerError with its text if it cannot be pickled.

    Pickling loses the traceback; for a bug it is attached as a note.
    """
    if not isinstance(error, PenstockError):
        error.add_note(f"In the worker:\n{''.join(traceback.format_exception(error))}")
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return WorkerError(f"{type(error).__name__}: {error}")
    return error


def collect_results(ended: Iterator[tuple[int, Outcome]], count: int) -> Iterator[tuple[int, Any]]:
    """Yield the index and the result of each of `count` items as it ends.

    After a failure, waits for the items before it and raises the error of the earliest failed
    item, so that the same error is raised every time.
    """
    pending = set(range(count))
    failed: dict[int, Exception] = {}
    for index, outcome in ended:
        pending.remove(index)
        if outcome.error is None:
            yield index, outcome.result
        else:
            failed[index] = outcome.error
        if not pending or (failed and min(failed) < min(pending)):
            break
    if failed:
        raise failed[min(failed)]


def use_one_thread() -> None:
    """Make libraries that this worker loads from now on use one thread."""
    os.environ.update(_ONE_THREAD)


def item_label(item: object) -> str:
    """Return an item as text for an error message, shortened if it is long."""
    text = str(item)
    return text if len(text) <= _LABEL_CHARACTERS else f"{text[: _LABEL_CHARACTERS - 3]}..."


def usable_cores() -> int:
    """Return how many cores this process may use."""
    affinity = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else ()
    return len(affinity) or os.cpu_count() or 1
