"""The step `assign`: give whole sources to splits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from pydantic import Field

from penstock.splits import SPLIT_NAMES, SplitName
from penstock.steps._base import Capabilities, DatasetStep, StepPosition
from penstock.steps._order import Order, OrderContext


class Assign(DatasetStep):
    """Give each source to one split; a source that is not named is train.

    Rows that occur in two splits stay in both; `components` prevents that.
    """

    capabilities = Capabilities(across_splits=True, divides=True)

    sources: dict[str, SplitName] = Field(
        min_length=1, description="The split of each source: {dev: validation}."
    )

    def verify(self, position: StepPosition) -> None:
        position.require_sources(self.sources, "sources")
        position.refuse_second_division()

    def required_splits(self, source_names: Sequence[str]) -> set[str]:
        return {self.sources.get(name, "train") for name in source_names}

    def reorder(self, order: Order, context: OrderContext) -> Order:
        names = [self.sources.get(name, "train") for name in context.source_names]
        codes = np.array([SPLIT_NAMES.index(name) for name in names], np.uint8)
        split = codes[order.columns["source"]]
        for code, name in enumerate(SPLIT_NAMES):
            context.report.note(name, int((split == code).sum()))
        return replace(order, columns={**order.columns, "split": split})


STEP = Assign
