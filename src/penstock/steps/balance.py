"""The step `balance`: as many rows of each source as its weight among the others allows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from pydantic import Field

from penstock.errors import DataError
from penstock.splits import SPLIT_NAMES, SplitName
from penstock.steps._base import Arranging, Stage, Step, refuse_unknown_sources
from penstock.steps._order import Order


class Balance(Step):
    """Leave out rows of sources that have too many, so that the shares are those of the weights.

    As many rows stay as the shares allow, of each source a sample that the seed decides, in their
    order. No row is repeated. A source without a weight is kept whole.
    """

    takes = Stage.ORDER
    gives = Stage.ORDER
    across_splits = True

    weights: dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]] = Field(
        min_length=2,
        description="The share of each source in rows, by its name: {paws: 1, qqp: 3}. Only their "
        "proportion matters.",
    )
    splits: list[SplitName] | None = Field(
        None, min_length=1, description="The splits whose rows are meant; null: all."
    )

    def verify(self, before: Sequence[Step], source_names: Sequence[str]) -> None:
        """Refuse names of no source."""
        refuse_unknown_sources(self.weights, source_names, "weights")

    def arrange(self, order: Order, arranging: Arranging) -> Order:
        """Return the order of the rows that stay; raises DataError for a source that has none."""
        from penstock.kernels.shuffling import permutation

        meant = self._meant(order)
        units = {
            name: np.flatnonzero(meant & (order.columns["source"] == code))
            for code, name in enumerate(arranging.source_names)
            if name in self.weights
        }
        for name, found in units.items():
            if not len(found):
                raise DataError(
                    f"the source '{name}' has no row to be weighed; look at what the steps before "
                    "dropped, or remove its weight",
                    file="balance",
                )
        scale = min(len(found) / self.weights[name] for name, found in units.items())
        kept = np.ones(len(order), np.bool_)
        for name, found in units.items():
            count = round(self.weights[name] * scale)
            drawn = permutation(len(found), arranging.seed, "balance", name)[count:]
            kept[found[drawn]] = False
            arranging.counts[f"balance.{name}"] = count
        arranging.counts["balance.dropped"] = int((~kept).sum())
        return order if kept.all() else order.take(np.flatnonzero(kept))

    def drops(self) -> Sequence[str]:
        """Return why rows are dropped."""
        return ("dropped",)

    def _meant(self, order: Order) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        if self.splits is None:
            return np.ones(len(order), np.bool_)
        split = order.columns.get("split", np.zeros(len(order), np.uint8))
        return np.isin(split, [SPLIT_NAMES.index(name) for name in self.splits])


STEP = Balance
