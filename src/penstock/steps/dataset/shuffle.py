"""The step `shuffle`: documents or packed rows in a seeded random order."""

from __future__ import annotations

from random import Random
from typing import Literal

import numpy as np
from pydantic import Field

from penstock.splits import SplitName
from penstock.steps._base import Capabilities, DatasetStep
from penstock.steps._order import Order, OrderContext


class Shuffle(DatasetStep):
    """Shuffle the units of each split with the recipe's seed."""

    capabilities = Capabilities(mixes_sources=True)

    splits: list[SplitName] | None = Field(
        None, min_length=1, description="The splits to shuffle; null: all."
    )
    like: Literal["penstock", "python"] = Field(
        "penstock",
        description="python: the order of Python's random.Random(seed).shuffle, to reproduce the "
        "dataset of a script; takes seconds for millions of rows.",
    )

    def reorder(self, order: Order, context: OrderContext) -> Order:
        if self.splits is not None and context.split not in self.splits:
            return order
        if self.like == "python":
            units = list(range(len(order)))
            Random(context.seed).shuffle(units)
            return order.take(np.array(units, np.int64))
        from penstock.kernels.ordering import permutation

        return order.take(permutation(len(order), context.seed, context.split, "shuffle"))


STEP = Shuffle
