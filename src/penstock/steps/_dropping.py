"""Rows that conditions drop: counted by the first that a row fails, judged by a threshold."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, ClassVar

from pydantic import Field

from penstock.batches import RowBatch, RowStats, TokenBatch
from penstock.errors import DataError
from penstock.files import plural
from penstock.steps._base import CountedStep, Stage
from penstock.steps._fields import UnusableError

#: What a failure is called, and the test that it failed.
Condition = tuple[str, Callable[[dict[str, Any]], bool]]


class FilteringStep(CountedStep):
    """A step that keeps the rows that pass every test, and counts the others by what they fail."""

    takes = Stage.ROWS
    gives = Stage.ROWS
    #: What a row is to the step.
    unit: ClassVar[str]

    max_dropped: float = Field(
        0.5, ge=0, le=1, description="The largest share of what comes that may be dropped."
    )

    @cached_property
    @abstractmethod
    def conditions(self) -> list[Condition]:
        """The tests that are asked for, in their order: what a failure is called, and the test."""

    def apply(self, batch: RowBatch | TokenBatch, stats: RowStats) -> RowBatch:
        """Return the rows that pass every test.

        Each row is counted once, under COUNTER.kept or COUNTER.FAILURE. One that a test cannot be
        asked of (UnusableError) is a bad row.
        """
        assert isinstance(batch, RowBatch)
        kept = []
        for index, row in enumerate(batch.rows):
            try:
                failed = next((name for name, holds in self.conditions if not holds(row)), None)
            except UnusableError as error:
                stats.bad(batch.numbers[index], f"{error}; `{self.called}` needs it")
                continue
            if failed is None:
                kept.append(index)
            stats.count(f"{self.counter}.{failed or 'kept'}")
        return batch if len(kept) == len(batch) else batch.take(kept)

    def drops(self) -> Sequence[str]:
        """Return why rows are dropped: the tests that are asked for."""
        return [failure for failure, _ in self.conditions]

    def judge(self, counts: Counter[str]) -> None:
        """Raise DataError when more than `max_dropped` of all was dropped."""
        refuse_dropped(counts, self.drops(), self.counter, self.max_dropped, self.unit)


def refuse_dropped(
    counts: Counter[str], failures: Sequence[str], counter: str, most: float, what: str
) -> None:
    """Raise DataError when more than the share `most` of all was dropped; `what` names one."""
    dropped = {name: counts[f"{counter}.{name}"] for name in failures}
    lost = sum(dropped.values())
    seen = lost + counts[f"{counter}.kept"]
    if lost > most * seen:
        by_failure = ", ".join(f"{name} {count:,}" for name, count in dropped.items() if count)
        raise DataError(
            f"drops {lost:,} of {plural(seen, what)} ({lost / seen:.1%}: {by_failure}), more than "
            f"max_dropped ({most:.1%}); loosen the condition, or raise `max_dropped`",
            file=counter,
        )
