"""The step `mix`: the units of several sources, evenly among each other in given shares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from penstock.errors import ConfigError, DataError
from penstock.steps._base import Arranging, SplitName, Stage, Step, refuse_unknown_sources
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
    splits: list[SplitName] | None = Field(
        None,
        min_length=1,
        description="The splits that are mixed; the others stay as they are. null: all.",
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
        refuse_unknown_sources(self.weights, source_names, "weights")
        missing = [name for name in source_names if name not in self.weights]
        if missing and self.splits is None:
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
        if self.splits is not None and arranging.split not in self.splits:
            return order
        sizes = order.unit_lengths() if self.of == "tokens" else np.ones(len(order), np.int64)
        sources = self._units_by_source(order, sizes, arranging)
        units = self._draw(sources, sizes, arranging)
        self._count(order, units, arranging)
        return order.take(units)

    def _units_by_source(
        self, order: Order, sizes: NDArray[np.int64], arranging: Arranging
    ) -> dict[str, NDArray[np.int64]]:
        """Return the units of each source that has a weight."""
        found = {}
        where = f" in {arranging.split}" if arranging.split else ""
        for code, name in enumerate(arranging.source_names):
            units = np.flatnonzero(order.columns["source"] == code)
            if name in self.weights:
                found[name] = units
                if not sizes[units].any():
                    raise DataError(
                        f"the source '{name}' has no {self.of}{where}; leave it out, or look at "
                        "what the steps before dropped",
                        file="mix",
                    )
            elif len(units):
                raise DataError(
                    f"the source '{name}' has rows{where} and no weight; give it one", file="mix"
                )
        return found

    def _draw(
        self, sources: dict[str, NDArray[np.int64]], sizes: NDArray[np.int64], arranging: Arranging
    ) -> NDArray[np.int64]:
        """Return the units in their mixed order."""
        from penstock.steps._mixing import interleave

        weights = np.array([self.weights[name] for name in sources])
        totals = np.array([sizes[units].sum() for units in sources.values()])
        passes = np.ones(len(sources), np.int64)
        if self.stop == "all_exhausted":
            # The last unit drawn may go past the share by itself: one pass more than that.
            passes += np.ceil((totals / weights).max() * weights / totals).astype(np.int64)
        queues = [
            units[self._order_of_pass(len(units), name, number, arranging)]
            for (name, units), times in zip(sources.items(), passes, strict=True)
            for number in range(times)
        ]
        once = np.array([len(units) for units in sources.values()])
        bounds = np.concatenate(([0], np.cumsum(once * passes)))
        until_all = self.stop == "all_exhausted"
        return interleave(np.concatenate(queues), bounds, once, sizes, weights, until_all)

    def _order_of_pass(
        self, units: int, name: str, number: int, arranging: Arranging
    ) -> NDArray[np.int64]:
        from penstock.steps._random import permutation

        if not self.shuffle:
            return np.arange(units)
        return permutation(units, arranging.seed, arranging.split, "mix", name, number)

    def _count(self, order: Order, units: NDArray[np.int64], arranging: Arranging) -> None:
        uses = np.bincount(units, minlength=len(order))
        arranging.counts["mix.dropped"] += int((uses == 0).sum())
        arranging.counts["mix.repeated"] += int((uses[uses > 1] - 1).sum())
        tokens = order.unit_lengths() * uses
        for code, name in enumerate(arranging.source_names):
            if name not in self.weights:
                continue
            of_source = order.columns["source"] == code
            arranging.counts[f"mix.{name}.rows"] += int(uses[of_source].sum())
            arranging.counts[f"mix.{name}.tokens"] += int(tokens[of_source].sum())


STEP = Mix
