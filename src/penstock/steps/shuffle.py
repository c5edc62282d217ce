"""The step `shuffle`: documents, or rows once they are packed, in a seeded random order."""

from __future__ import annotations

from penstock.steps._base import Arranging, Stage, Step
from penstock.steps._order import Order


class Shuffle(Step):
    """Put the units of each split into an order that the recipe's seed decides."""

    takes = Stage.ORDER
    gives = Stage.ORDER
    mixes = True

    def arrange(self, order: Order, arranging: Arranging) -> Order:
        """Return the units in their new order."""
        from penstock.steps._random import permutation

        return order.take(permutation(len(order), arranging.seed, arranging.split, "shuffle"))


STEP = Shuffle
