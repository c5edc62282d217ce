"""The step `components`: train, validation and test without a shared sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from penstock.batches import RowBatch, RowStats
from penstock.splits import SPLIT_NAMES, SplitName
from penstock.steps._base import Capabilities, MeasuringStep, StepPosition, Threshold
from penstock.steps._fields import SIDES, FieldNames, sentence_hashes
from penstock.steps._order import Order, OrderContext
from penstock.text import NORMALISE_ALSO, Normalise


class Components(Threshold, MeasuringStep):
    """Choose the split of each row so that rows with a common sentence are in the same split.

    Rows that share a sentence, directly or through other rows, are a component. A component with
    rows of a given split belongs to it: to test before validation, to validation before train. Its
    rows that were given to another split are dropped, and so are those given to none, unless the
    component belongs to train. The other components are drawn in the order of a hash with the
    recipe's seed: each goes to test if it fits into what test lacks of its share, else to
    validation if it fits there, else to train. So no split exceeds its share, and a component
    larger than a share goes to train.

    Sentences are compared by a 64-bit hash (BLAKE2b); a collision only joins two components.
    """

    capabilities = Capabilities(across_splits=True, divides=True)

    on: FieldNames = Field(list(SIDES), description="The fields with the sentences.")
    normalise: Normalise = Field("letters", description=NORMALISE_ALSO)
    given: dict[str, SplitName] = Field(
        default_factory=dict, description="The split of whole sources: {paws_test: test}."
    )
    validation: float = Field(
        0.0, ge=0, lt=1, description="The share of validation in the rows that are drawn."
    )
    test: float = Field(
        0.0, ge=0, lt=1, description="The share of test in the rows that are drawn."
    )
    leave: Literal["component", "rows"] = Field(
        "component",
        description="Which rows are dropped because of a given split. component: all rows of the "
        "component; rows: only rows with one of its sentences.",
    )

    @model_validator(mode="after")
    def _makes_splits(self) -> Self:
        if not self.validation + self.test and not {"validation", "test"} & {*self.given.values()}:
            raise ValueError("validation and test get no rows; set their share, or `given`")
        if self.validation + self.test >= 1:
            raise ValueError("`validation` + `test` must be less than 1; the rest is train")
        return self

    def verify(self, position: StepPosition) -> None:
        position.require_sources(self.given, "given")
        position.refuse_second_division()

    def required_splits(self, source_names: Sequence[str]) -> set[str]:
        """Return the splits that are given or have a share, and train if a source may be in it."""
        splits = {self.given.get(name, "train") for name in source_names}
        return splits | {name for name in ("validation", "test") if getattr(self, name)}

    def measure(self, batch: RowBatch, stats: RowStats) -> tuple[RowBatch, NDArray[Any]]:
        """Return the sentence hashes of each row, (rows, fields) in uint64."""
        return sentence_hashes(batch, stats, self.on, self.normalise, "`components` needs it")

    def reorder(self, order: Order, context: OrderContext) -> Order:
        """Return the order of the remaining rows, with the column `split` (uint8)."""
        from penstock.kernels.components import divide

        names = context.source_names
        given = np.array(
            [SPLIT_NAMES.index(self.given[n]) if n in self.given else -1 for n in names], np.int8
        )[order.columns["source"]]
        division = divide(
            context.values,
            given,
            (self.validation, self.test),
            seed=context.seed,
            drop_components=self.leave == "component",
        )
        report, dropped = context.report, division.split < 0
        report.note("components", division.components)
        report.note("largest", division.largest)
        for code, name in enumerate(SPLIT_NAMES):
            report.note(name, int((division.split == code).sum()))
            if count := int((dropped & (np.maximum(given, 0) == code)).sum()):
                report.drop(f"from_{name}", count)
        columns = {**order.columns, "split": division.split.astype(np.uint8)}
        return replace(order, columns=columns).take(np.flatnonzero(~dropped))


STEP = Components
