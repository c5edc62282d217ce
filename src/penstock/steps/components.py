"""The step `components`: train, validation and test, so that no sentence stands in two of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from penstock.batches import RowBatch, RowStats, TokenBatch
from penstock.errors import DataError
from penstock.splits import SPLIT_NAMES, SplitName
from penstock.steps._base import (
    Arranging,
    Stage,
    Step,
    refuse_second_division,
    refuse_unknown_sources,
)
from penstock.steps._columns import take_column, with_column
from penstock.steps._fields import FieldNames
from penstock.steps._order import Order
from penstock.steps._sentences import hashed_sentences
from penstock.steps.pairs import SIDES
from penstock.text import NORMALISE_ALSO, Normalise

if TYPE_CHECKING:
    from penstock.steps._dividing import Division

_COLUMN = "sentence"


class Components(Step):
    """Decide the split of each row so that rows which share a sentence stand in one split.

    Rows that share a sentence, directly or through others, are a component. One that holds rows
    given to a split belongs there: to test before validation, to validation before train. Its rows
    that are given to another split leave the dataset, and so do those given to none, unless it
    belongs to train. The other components are drawn, in the order of a hash that the recipe's seed
    decides: each goes to test if it fits into what test still lacks of its share, else to
    validation if it fits there, else to train. So no split is larger than its share, and a
    component that is goes to train.

    Sentences are compared by a hash of 64 bits (BLAKE2b): two that meet by chance make one
    component of two, and nothing worse.
    """

    takes = Stage.ROWS
    gives = Stage.ROWS
    across_splits = True
    divides = True

    on: FieldNames = Field(list(SIDES), description="The fields that hold the sentences.")
    normalise: Normalise = Field("letters", description=NORMALISE_ALSO)
    given: dict[str, SplitName] = Field(
        default_factory=dict,
        description="The split of whole sources by name: {paws_test: test}.",
    )
    validation: float = Field(
        0.0, ge=0, lt=1, description="The share of validation in the rows that are drawn."
    )
    test: float = Field(
        0.0, ge=0, lt=1, description="The share of test in the rows that are drawn."
    )
    leave: Literal["component", "rows"] = Field(
        "component",
        description="Which rows leave for what they share with a given split that comes before "
        "theirs. component: all that are joined to it, through whatever rows; rows: those alone "
        "that have one of its sentences.",
    )
    max_dropped: float = Field(
        0.5, ge=0, le=1, description="The largest share of rows that may leave."
    )

    @model_validator(mode="after")
    def _makes_splits(self) -> Self:
        if not self.validation + self.test and not {"validation", "test"} & {*self.given.values()}:
            raise ValueError("gives nothing to validation or test; set their share, or `given`")
        if self.validation + self.test >= 1:
            raise ValueError(
                "`validation` and `test` together must be less than 1, so that something is left "
                "for train"
            )
        return self

    def verify(self, before: Sequence[Step], source_names: Sequence[str]) -> None:
        """Refuse names of no source, and a second division."""
        refuse_unknown_sources(self.given, source_names, "given")
        refuse_second_division(before)

    def apply(self, batch: RowBatch | TokenBatch, stats: RowStats) -> RowBatch:
        """Return the rows with the hash (uint64) of each of their sentences as a column."""
        assert isinstance(batch, RowBatch)
        mend = "`components` needs it"
        batch, digests = hashed_sentences(batch, stats, self.on, self.normalise, mend)
        return with_column(batch, _COLUMN, digests)

    def arrange(self, order: Order, arranging: Arranging) -> Order:
        """Return the order of the rows that stay, with the column `split` (uint8).

        Raises DataError when more than `max_dropped` of all rows leave.
        """
        from penstock.steps._dividing import divide

        sentences, order = take_column(order, _COLUMN)
        given = self._given(order, arranging.source_names)
        shares = (self.validation, self.test)
        division = divide(
            sentences, given, shares, seed=arranging.seed, joined_leave=self.leave == "component"
        )
        self._count(division, given, arranging.counts)
        left = len(order) - int((division.split >= 0).sum())
        if left > self.max_dropped * len(order):
            raise DataError(
                f"{left:,} of {len(order):,} rows ({left / len(order):.1%}) share sentences with a "
                f"given split that is not theirs, more than max_dropped ({self.max_dropped:.1%}); "
                "see `leave`, or raise `max_dropped`",
                file="components",
            )
        columns = {**order.columns, "split": division.split.astype(np.uint8)}
        return replace(order, columns=columns).take(np.flatnonzero(division.split >= 0))

    def drops(self) -> Sequence[str]:
        """Return why rows are dropped: the split that they were given to."""
        return [f"left_{name}" for name in SPLIT_NAMES]

    def promises(self, source_names: Sequence[str]) -> set[str]:
        """Return the splits that are given or have a share; train, where a source may be of it."""
        splits = {self.given.get(name, "train") for name in source_names}
        return splits | {name for name in ("validation", "test") if getattr(self, name)}

    def _given(self, order: Order, source_names: Sequence[str]) -> NDArray[np.int8]:
        """Return the split that each row is given to, -1 for none."""
        codes = [
            SPLIT_NAMES.index(self.given[name]) if name in self.given else -1
            for name in source_names
        ]
        of_row: NDArray[np.int8] = np.array(codes, np.int8)[order.columns["source"]]
        return of_row

    def _count(self, division: Division, given: NDArray[np.int8], counts: Counter[str]) -> None:
        counts["components.components"] = division.components
        counts["components.largest"] = division.largest
        leave = division.split < 0
        for code, name in enumerate(SPLIT_NAMES):
            counts[f"components.{name}"] = int((division.split == code).sum())
            counts[f"components.left_{name}"] = int((leave & (np.maximum(given, 0) == code)).sum())


STEP = Components
