"""The step `assign`: whole sources given to splits, whatever they share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from pydantic import Field

from penstock.splits import SPLIT_NAMES, SplitName
from penstock.steps._base import (
    Arranging,
    Stage,
    Step,
    refuse_second_division,
    refuse_unknown_sources,
)
from penstock.steps._order import Order


class Assign(Step):
    """Give each source to one split; what is not named is train.

    Nothing is done about rows that stand in two of them: `components` sees to that.
    """

    takes = Stage.ORDER
    gives = Stage.ORDER
    across_splits = True
    divides = True

    sources: dict[str, SplitName] = Field(
        min_length=1, description="The split of each source by name: {dev: validation}."
    )

    def verify(self, before: Sequence[Step], source_names: Sequence[str]) -> None:
        """Refuse names of no source, and a second division."""
        refuse_unknown_sources(self.sources, source_names, "sources")
        refuse_second_division(before)

    def promises(self, source_names: Sequence[str]) -> set[str]:
        """Return the splits that a source is given to, or left to."""
        return {self.sources.get(name, "train") for name in source_names}

    def arrange(self, order: Order, arranging: Arranging) -> Order:
        """Return the order with the column `split` (uint8)."""
        names = [self.sources.get(name, "train") for name in arranging.source_names]
        codes = np.array([SPLIT_NAMES.index(name) for name in names], np.uint8)
        split = codes[order.columns["source"]]
        for code, name in enumerate(SPLIT_NAMES):
            arranging.counts[f"assign.{name}"] = int((split == code).sum())
        return replace(order, columns={**order.columns, "split": split})


STEP = Assign
