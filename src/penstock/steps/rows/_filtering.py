"""Rows that fail a condition are dropped and counted by the first condition that they fail."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from functools import cached_property
from typing import Any, ClassVar

from penstock.batches import RowBatch, RowStats
from penstock.steps._base import RowStep, SourceSelection, Threshold
from penstock.steps._fields import UnusableError

#: The name of a condition in reports, and its test.
Condition = tuple[str, Callable[[dict[str, Any]], bool]]


class FilteringStep(SourceSelection, Threshold, RowStep):
    """A step that keeps the rows that meet every condition."""

    #: The step's name, for messages about bad rows.
    step_name: ClassVar[str]

    @cached_property
    @abstractmethod
    def conditions(self) -> list[Condition]:
        """The conditions that the settings ask for, in their order."""

    def apply(self, batch: RowBatch, stats: RowStats) -> RowBatch:
        """Return the rows that meet every condition; a test's UnusableError makes a bad row."""
        kept = []
        for index, row in enumerate(batch.rows):
            try:
                failed = next((name for name, holds in self.conditions if not holds(row)), None)
            except UnusableError as error:
                stats.bad(batch.numbers[index], f"{error}; `{self.step_name}` needs it")
                continue
            if failed is None:
                kept.append(index)
            else:
                stats.drop(failed)
        return batch if len(kept) == len(batch) else batch.take(kept)
