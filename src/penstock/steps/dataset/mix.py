"""The step `mix`: interleave the units of several sources in given shares."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from penstock.errors import ConfigError, StepError
from penstock.steps._base import Capabilities, DatasetStep, StepPosition
from penstock.steps._order import Order, OrderContext
from penstock.steps.dataset.pack import Pack


class Mix(DatasetStep):
    """Interleave the documents, or packed rows, of several sources.

    The source that is furthest behind its share always comes next, so any range of the dataset has
    the shares within about one unit of each source.
    """

    capabilities = Capabilities(mixes_sources=True)

    weights: dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]] = Field(
        min_length=2,
        description="The share of each source: {finetune: 0.7, replay: 0.3}. Only ratios matter.",
    )
    of: Literal["tokens", "rows"] = Field(
        "tokens", description="The unit of the shares; for rows of text, tokens are bytes."
    )
    stop: Literal["first_exhausted", "all_exhausted"] = Field(
        "first_exhausted",
        description="first_exhausted: end when one source is used up, and drop the rest of the "
        "others; all_exhausted: end when every source was used completely, and repeat shorter "
        "ones.",
    )
    shuffle: bool = Field(
        True, description="Shuffle each source before mixing, and again for each repetition."
    )

    def verify(self, position: StepPosition) -> None:
        if len(position.source_names) < 2:
            raise ConfigError("the recipe has one source; remove `mix`, or add another source")
        position.require_sources(self.weights, "weights")
        if missing := [name for name in position.source_names if name not in self.weights]:
            raise ConfigError(
                f"weights: no weight for {', '.join(missing)}; add one, or remove the source"
            )
        if any(isinstance(step, Pack) and step.across_sources for step in position.before):
            raise ConfigError(
                "packed rows contain several sources; put `mix` before `pack`, or remove its "
                "`across_sources`"
            )

    def reorder(self, order: Order, context: OrderContext) -> Order:
        sizes = order.unit_lengths() if self.of == "tokens" else np.ones(len(order), np.int64)
        sources = []
        for code, name in enumerate(context.source_names):
            units = np.flatnonzero(order.columns["source"] == code)
            if not sizes[units].any():
                where = f" in {context.split}" if context.split else ""
                raise StepError(
                    f"the source '{name}' has no {self.of}{where}; remove it, or check what the "
                    "earlier steps drop",
                    setting="weights",
                )
            sources.append(units)
        units = self._draw(sources, sizes, context)
        self._count(order, units, context)
        return order.take(units)

    def _draw(
        self, sources: list[NDArray[np.int64]], sizes: NDArray[np.int64], context: OrderContext
    ) -> NDArray[np.int64]:
        from penstock.kernels.ordering import interleave

        weights = np.array([self.weights[name] for name in context.source_names])
        totals = np.array([sizes[units].sum() for units in sources])
        passes = np.ones(len(sources), np.int64)
        if self.stop == "all_exhausted":
            # The last unit may exceed the share: one pass more.
            passes += np.ceil((totals / weights).max() * weights / totals).astype(np.int64)
        queues = [
            units[self._order_of_pass(len(units), code, number, context)]
            for code, units in enumerate(sources)
            for number in range(passes[code])
        ]
        once = np.array([len(units) for units in sources])
        bounds = np.concatenate(([0], np.cumsum(once * passes)))
        until_all = self.stop == "all_exhausted"
        return interleave(np.concatenate(queues), bounds, once, sizes, weights, until_all)

    def _order_of_pass(
        self, units: int, code: int, number: int, context: OrderContext
    ) -> NDArray[np.int64]:
        from penstock.kernels.ordering import permutation

        if not self.shuffle:
            return np.arange(units)
        name = context.source_names[code]
        return permutation(units, context.seed, context.split, "mix", name, number)

    def _count(self, order: Order, units: NDArray[np.int64], context: OrderContext) -> None:
        uses = np.bincount(units, minlength=len(order))
        report = context.report
        if unused := int((uses == 0).sum()):
            report.drop("unused", unused)
        report.note("repeated", int((uses[uses > 1] - 1).sum()))
        tokens = order.unit_lengths() * uses
        for code, name in enumerate(context.source_names):
            of_source = order.columns["source"] == code
            report.note(f"{name} rows", int(uses[of_source].sum()))
            report.note(f"{name} tokens", int(tokens[of_source].sum()))


STEP = Mix
