"""What an executor is, and what became of an item that it carried."""

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

#: One worker is one thread: libraries that start threads of their own would slow all of them down.
_ONE_THREAD = {"TOKENIZERS_PARALLELISM": "false", "OMP_NUM_THREADS": "1"}
_SHOWN_CHARACTERS = 200


class WorkerError(PenstockError):
    """A worker was gone before it had a result."""


class Executor(Options, ABC):
    """Carries a pure function over items. A module of this room holds one as `EXECUTOR`.

    An instance holds the settings.
    """

    #: True when workers have what the caller had loaded, False when they start with nothing.
    shares_memory: ClassVar[bool] = False

    workers: int | None = Field(None, ge=1, description="How many items are carried at a time.")

    @abstractmethod
    def map(
        self, function: Callable[[Item], Result], items: Sequence[Item]
    ) -> Generator[tuple[Item, Result], None, None]:
        """Yield each item with its result as it ends; nothing starts before the first is asked for.

        The items are handed out in their order. An exception of the function ends the rest and is
        raised as itself, the earliest item's where several fail at the same time. What runs is
        ended, too, on KeyboardInterrupt and when the generator is closed. Raises WorkerError for a
        worker that is gone, ConfigError for a cluster that cannot be used. Results should be small:
        they are sent from process to process.
        """

    def render(self, items: Sequence[Any]) -> str | None:
        """Return the script that `map` submits for these items, None where it submits none."""
        return None


@dataclass(frozen=True)
class Outcome:
    """What became of an item: a result, or the exception that is there instead."""

    result: Any = None
    error: Exception | None = None


def attempt(function: Callable[[Item], Result], item: Item) -> Outcome:
    """Call a function in a worker; the outcome can be sent to another process."""
    try:
        return Outcome(function(item))
    except Exception as error:
        return Outcome(error=portable(error))


def portable(error: Exception) -> Exception:
    """Return the exception in a form that can be sent: itself where it can be pickled.

    A bug takes the traceback along as a note: it is lost on the way otherwise.
    """
    if not isinstance(error, PenstockError):
        error.add_note(f"In the worker:\n{''.join(traceback.format_exception(error))}")
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return WorkerError(f"{type(error).__name__}: {error}")
    return error


def settle(ended: Iterator[tuple[int, Outcome]], count: int) -> Iterator[tuple[int, Any]]:
    """Yield the index and the result of each of `count` items as it ends.

    After a failure the items before it are waited for, and the earliest that failed is raised: the
    same error every time.
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
    """Tell the libraries that are loaded in this worker, from now on, to start no threads."""
    os.environ.update(_ONE_THREAD)


def shown(item: object) -> str:
    """Return the name of an item for an error, cut where it is long."""
    text = str(item)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[: _SHOWN_CHARACTERS - 3]}..."


def usable_cores() -> int:
    """Return how many cores this process may use."""
    affinity = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else ()
    return len(affinity) or os.cpu_count() or 1
