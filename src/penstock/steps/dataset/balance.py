"""The step `balance`: drop rows of large sources until the shares match the weights."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from penstock.errors import StepError
from penstock.splits import SplitName
from penstock.steps._base import Capabilities, DatasetStep, StepPosition
from penstock.steps._order import Order, OrderContext


class Balance(DatasetStep):
    """Drop rows of sources that have too many, so that the shares are those of the weights.

    Keeps as many rows as the shares allow: a seeded sample of each source, in their order. No row
    is repeated. A source without a weight keeps all its rows.
    """

    capabilities = Capabilities(across_splits=True)

    weights: dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]] = Field(
        min_length=2,
        description="The share of each source in rows: {paws: 1, qqp: 3}. Only ratios matter.",
    )
    splits: list[SplitName] | None = Field(
        None, min_length=1, description="The splits to balance; null: all."
    )

    def verify(self, position: StepPosition) -> None:
        position.require_sources(self.weights, "weights")

    def reorder(self, order: Order, context: OrderContext) -> Order:
        from penstock.kernels.ordering import permutation

        balanced = order.in_splits(self.splits)
        units = {
            name: np.flatnonzero(balanced & (order.columns["source"] == code))
            for code, name in enumerate(context.source_names)
            if name in self.weights
        }
        if empty := [name for name, found in units.items() if not len(found)]:
            raise StepError(
                f"the source '{empty[0]}' has a weight but no rows left; check what the earlier "
                "steps drop, or remove its weight",
                setting="weights",
            )
        scale = min(len(found) / self.weights[name] for name, found in units.items())
        kept = np.ones(len(order), np.bool_)
        for name, found in units.items():
            count = round(self.weights[name] * scale)
            kept[found[permutation(len(found), context.seed, "balance", name)[count:]]] = False
            context.report.note(name, count)
        return context.keep(order, kept, "surplus")


STEP = Balance
