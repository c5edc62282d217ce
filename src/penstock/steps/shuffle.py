"""The step `shuffle`: documents, or rows once they are packed, in a seeded random order."""

from __future__ import annotations

from random import Random
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from penstock.splits import SplitName
from penstock.steps._base import Arranging, Stage, Step
from penstock.steps._order import Order


class Shuffle(Step):
    """Put the units of each split into an order that the recipe's seed decides."""

    takes = Stage.ORDER
    gives = Stage.ORDER
    mixes = True

    splits: list[SplitName] | None = Field(
        None, min_length=1, description="The splits that are shuffled; null: all."
    )
    like: Literal["penstock", "python"] = Field(
        "penstock",
        description="python: the order that Python's random.Random(seed).shuffle gives a list, for "
        "a dataset that a script made before; it takes seconds for millions of rows.",
    )

    def arrange(self, order: Order, arranging: Arranging) -> Order:
        """Return the units in their new order."""
        if self.splits is not None and arranging.split not in self.splits:
            return order
        return order.take(self._permutation(len(order), arranging))

    def _permutation(self, units: int, arranging: Arranging) -> NDArray[np.int64]:
        from penstock.kernels.shuffling import permutation

        if self.like == "penstock":
            return permutation(units, arranging.seed, arranging.split, "shuffle")
        places = list(range(units))
        Random(arranging.seed).shuffle(places)
        return np.array(places, np.int64)


STEP = Shuffle
