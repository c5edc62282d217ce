"""What a step is: work on a batch, work on the order of the whole dataset, or both."""

from __future__ import annotations

from abc import ABC
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar, TypeVar

from penstock.batches import RowBatch, Tally, TokenBatch
from penstock.config import Options
from penstock.steps._order import Order

Batch = TypeVar("Batch", RowBatch, TokenBatch)


class Stage(StrEnum):
    """What a step takes and gives, in the order in which they come in a recipe."""

    ROWS = "rows"
    TOKENS = "tokens"
    ORDER = "order"


@dataclass
class Arranging:
    """What a step on the order of a dataset knows and notes.

    `split` is the part that is arranged, None for all; `source_names` gives the meaning of the
    column `source`; `counts` takes what the step did, named `step.what`.
    """

    seed: int
    split: str | None = None
    source_names: Sequence[str] = ()
    counts: Counter[str] = field(default_factory=Counter)


class Step(Options, ABC):
    """One step of a recipe. A module of this room holds the class as `STEP`.

    An instance holds the step's settings. A step overrides `apply`, `arrange`, or both.
    """

    #: What a batch is when the step gets it, and when the step gives it on.
    takes: ClassVar[Stage]
    gives: ClassVar[Stage]
    #: True when the step must see all splits at once (duplicates), False when each by itself.
    across_splits: ClassVar[bool] = False

    def prepare(self) -> None:
        """Load what `apply` needs; called once, before the work is shared out.

        Raises ConfigError or DataError for what is not there or cannot be used.
        """

    def apply(self, batch: RowBatch | TokenBatch, tally: Tally) -> RowBatch | TokenBatch:
        """Return what becomes of a batch. It sees no other batch, so any worker may do it."""
        return batch

    def arrange(self, order: Order, arranging: Arranging) -> Order:
        """Return what becomes of the order of the dataset; it sees lengths and columns alone."""
        return order

    def judge(self, counts: Counter[str]) -> None:
        """Look at the counts of the whole dataset; raises DataError past a threshold."""
