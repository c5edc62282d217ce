"""The step `mix`: the units of several sources, evenly among each other in given shares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from penstock.errors import ConfigError, DataError, did_you_mean
from penstock.steps._base import Arranging, Stage, Step
from penstock.steps._order import Order
from penstock.steps.pack import Pack


class Mix(Step):
    """Mix documents, or rows once they are packed, of several sources.

    At every point the source that is furthest behind its share comes next, so that any stretch of
    the dataset has the shares within about one unit of each source.
    """

    takes = Stage.ORDER
    gives = Stage.ORDER
    mixes = True

    weights: dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]] = Field(
        min_length=2,
        description="The share of each source, by its name: {finetune: 0.7, replay: 0.3}. Only "
        "their proportion matters.",
    )
    of: Literal["tokens", "rows"] = Field(
        "tokens",
        description="What the weights are shares of; the tokens of rows of text are their bytes.",
    )
    stop: Literal["first_exhausted", "all_exhausted"] = Field(
        "first_exhausted",
        description="first_exhausted: end where a source has no more, and leave out the rest of "
        "the others; all_exhausted: end where every source was seen whole, and repeat those that "
        "end before.",
    )
    shuffle: bool = Field(
        True,
        description="Shuffle each source by itself before, and anew for each repetition; otherwise "
        "each keeps its order.",
    )

    def verify(self, before: Sequence[Step], source_names: Sequence[str]) -> None:
        """Refuse weights that do not fit the sources, and rows that hold several sources."""
        if len(source_names) < 2:
            raise ConfigError("the recipe has one source; remove `mix`, or add another source")
        for name in self.weights:
            if name not in source_names:
                known = f"; the sources are {', '.join(source_names)}"
                hint = did_you_mean(name, source_names) or known
                raise ConfigError(f"weights: there is no source '{name}'{hint}")
        if missing := [name for name in source_names if name not in self.weights]:
            raise ConfigError(f"weights: none for {', '.join(missing)}; give one, or remove it")
        if any(isinstance(step, Pack) and step.across_sources for step in before):
            raise ConfigError(
                "rows have several sources each; put `mix` before `pack`, or remove "
                "`across_sources` there"
            )

    def arrange(self, order: Order, arranging: Arranging) -> Order:
        """Return the mixed order.

        Raises DataError for a source that has nothing to give.
        """
        sizes = order.unit_lengths() if self.of == "tokens" else np.ones(len(order), np.int64)
        sources = []
        for code, name in enumerate(arranging.source_names):
            units = np.flatnonzero(order.columns["source"] == code)
            if not sizes[units].any():
                where = f" in {arranging.split}" if arranging.split else ""
                raise DataError(
                    f"the source '{name}' has no {self.of}{where}; leave it out, or look at what "
                    "the steps before dropped",
                    file="mix",
                )
            sources.append(units)
        units = self._draw(sources, sizes, arranging)
        self._count(order, units, arranging)
        return order.take(units)

    def _draw(
        self, sources: list[NDArray[np.int64]], sizes: NDArray[np.int64], arranging: Arranging
    ) -> NDArray[np.int64]:
        """Return the units in their mixed order."""
        from penstock.kernels.interleaving import interleave

        weights = np.array([self.weights[name] for name in arranging.source_names])
        totals = np.array([sizes[units].sum() for units in sources])
        passes = np.ones(len(sources), np.int64)
        if self.stop == "all_exhausted":
            # The last unit drawn may go past the share by itself: one pass more than that.
            passes += np.ceil((totals / weights).max() * weights / totals).astype(np.int64)
        queues = [
            units[self._order_of_pass(len(units), code, number, arranging)]
            for code, units in enumerate(sources)
            for number in range(passes[code])
        ]
        once = np.array([len(units) for units in sources])
        bounds = np.concatenate(([0], np.cumsum(once * passes)))
        until_all = self.stop == "all_exhausted"
        return interleave(np.concatenate(queues), bounds, once, sizes, weights, until_all)

    def _order_of_pass(
        self, units: int, code: int, number: int, arranging: Arranging
    ) -> NDArray[np.int64]:
        from penstock.kernels.shuffling import permutation

        if not self.shuffle:
            return np.arange(units)
        name = arranging.source_names[code]
        return permutation(units, arranging.seed, arranging.split, "mix", name, number)

    def _count(self, order: Order, units: NDArray[np.int64], arranging: Arranging) -> None:
        uses = np.bincount(units, minlength=len(order))
        arranging.counts["mix.dropped"] += int((uses == 0).sum())
        arranging.counts["mix.repeated"] += int((uses[uses > 1] - 1).sum())
        tokens = order.unit_lengths() * uses
        for code, name in enumerate(arranging.source_names):
            of_source = order.columns["source"] == code
            arranging.counts[f"mix.{name}.rows"] += int(uses[of_source].sum())
            arranging.counts[f"mix.{name}.tokens"] += int(tokens[of_source].sum())


STEP = Mix
