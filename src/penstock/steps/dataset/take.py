"""The step `take`: the first rows of a source, or a sample."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from penstock.steps._base import Capabilities, DatasetStep, StepPosition
from penstock.steps._order import Order, OrderContext

Count = Annotated[int, Field(ge=1)]


class Take(DatasetStep):
    """Keep at most so many rows of each source, in their order, over all splits.

    A source with fewer rows keeps all.
    """

    capabilities = Capabilities(across_splits=True)

    rows: Count | dict[str, Count] = Field(
        description="The most rows of every source, or of some: {qqp: 50000}; the others keep all."
    )
    sample: bool = Field(False, description="Take a seeded random sample instead of the first.")

    def verify(self, position: StepPosition) -> None:
        if isinstance(self.rows, dict):
            position.require_sources(self.rows, "rows")

    def reorder(self, order: Order, context: OrderContext) -> Order:
        from penstock.kernels.ordering import permutation

        kept = np.ones(len(order), np.bool_)
        for code, name in enumerate(context.source_names):
            most = self.rows.get(name) if isinstance(self.rows, dict) else self.rows
            units = np.flatnonzero(order.columns["source"] == code)
            if most is not None and most < len(units):
                kept[units] = False
                chosen = np.arange(most)
                if self.sample:
                    chosen = permutation(len(units), context.seed, "take", name)[:most]
                kept[units[chosen]] = True
            context.report.note(name, int(kept[units].sum()))
        return context.keep(order, kept, "not_taken")


STEP = Take
