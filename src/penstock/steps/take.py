"""The step `take`: the first rows of a source, or a sample of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from penstock.errors import ConfigError
from penstock.steps._base import Arranging, Stage, Step, refuse_unknown_sources
from penstock.steps._order import Order

Count = Annotated[int, Field(ge=1)]


class Take(Step):
    """Keep at most so many rows of each source, of those that all steps on rows have kept.

    They stay in their order, over all splits. A source that has fewer is kept whole.
    """

    takes = Stage.ORDER
    gives = Stage.ORDER
    across_splits = True

    rows: Count | dict[str, Count] = Field(
        description="The most rows of each source; or of some by name, {qqp: 50000}, and the "
        "others whole."
    )
    sample: bool = Field(
        False, description="A sample that the seed decides, in place of the first rows."
    )

    def verify(self, before: Sequence[Step], source_names: Sequence[str]) -> None:
        """Refuse names of no source, and a place after steps that come later than this one."""
        if isinstance(self.rows, dict):
            refuse_unknown_sources(self.rows, source_names, "rows")
        if any(step.takes is Stage.ORDER and not step.across_splits for step in before):
            raise ConfigError(
                "takes rows before the whole dataset is arranged; put it before `mix`, `shuffle`, "
                "`pack` and `pad`"
            )

    def arrange(self, order: Order, arranging: Arranging) -> Order:
        """Return the order of the rows that are taken."""
        kept = np.ones(len(order), np.bool_)
        for code, name in enumerate(arranging.source_names):
            most = self.rows.get(name) if isinstance(self.rows, dict) else self.rows
            units = np.flatnonzero(order.columns["source"] == code)
            if most is not None and most < len(units):
                kept[units] = False
                kept[units[self._chosen(len(units), most, name, arranging.seed)]] = True
            arranging.counts[f"take.{name}"] = int(kept[units].sum())
        arranging.counts["take.dropped"] += int((~kept).sum())
        return order if kept.all() else order.take(np.flatnonzero(kept))

    def drops(self) -> Sequence[str]:
        """Return why rows are dropped."""
        return ("dropped",)

    def _chosen(self, count: int, most: int, name: str, seed: int) -> NDArray[np.int64]:
        from penstock.kernels.shuffling import permutation

        return permutation(count, seed, "take", name)[:most] if self.sample else np.arange(most)


STEP = Take
