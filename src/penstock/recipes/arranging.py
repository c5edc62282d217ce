"""From the documents as they lie in the parts to the rows of each split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

import numpy as np

from penstock.errors import DataError
from penstock.formats import RowBlock, SplitShape, View
from penstock.recipes.schema import Recipe
from penstock.recipes.store import Store
from penstock.recipes.tokenizers import tokenizer_of
from penstock.splits import SPLIT_NAMES
from penstock.steps import Arranging, Order, Step

#: The split of a dataset that no step divides.
WHOLE = "train"


@dataclass
class Arrangement:
    """The rows of each view of the format, and what the steps on the whole dataset did.

    `statistics` are what they found out about it. `orders` is None for a dataset that keeps its
    documents as they lie: nothing about it has to be held in memory.
    """

    store: Store
    orders: Mapping[str, Order] | None
    counts: Counter[str] = field(default_factory=Counter)
    statistics: dict[str, Any] = field(default_factory=dict)

    @property
    def context(self) -> int | None:
        """The length of every row where the steps gave them one."""
        return None if self._any is None else self._any.context

    @property
    def pad_id(self) -> int | None:
        """What rows are filled up with."""
        return None if self._any is None else self._any.pad_id

    def shapes(self) -> dict[str, SplitShape]:
        """Return how large each view is."""
        if self.orders is None:
            return {WHOLE: self.store.shape()}
        return {
            view: SplitShape(len(order), len(order.lengths), order.tokens)
            for view, order in self.orders.items()
        }

    def rows(self, view: str, start: int, stop: int) -> Iterator[RowBlock]:
        """Yield the rows of a view from `start` to before `stop`."""
        if self.orders is None:
            return self.store.as_it_lies(start, stop)
        return self.store.rows(self.orders[view], start, stop)

    @property
    def _any(self) -> Order | None:
        """The order of some view: all went through the same steps."""
        return next(iter((self.orders or {}).values()), None)


def arrange(recipe: Recipe, store: Store) -> Arrangement:
    """Carry the steps on the whole dataset; first those across splits, then each split's own."""
    divided = any("split" in stored.part.read_arrays() for stored in store.parts[:1])
    views = views_of(recipe)
    plain = tuple(view.name for view in views) == SPLIT_NAMES
    if plain and not divided and not any(map(arranges, recipe.steps)):
        return Arrangement(store, None)
    from penstock.kernels import gathering as _gather  # noqa: F401 - loaded before the workers are forked

    arranged = Arrangement(store, {})
    splits = _divided(recipe, store.order(), arranged)
    own = [i for i, s in enumerate(recipe.steps) if arranges(s) and not s.across_splits]
    final = {
        split: _carried(recipe, own, order, split, arranged) for split, order in splits.items()
    }
    for split, order in final.items():
        if not order.tokens:
            raise _empty(recipe, split)
    unmixed: Mapping[str, Order] = {}
    if any(view.sources is not None for view in views):
        alone = [index for index in own if not recipe.steps[index].mixes]
        unnoted = Arrangement(store, {})  # what the steps find out stands in `arranged` already
        unmixed = {
            split: _carried(recipe, alone, order, split, unnoted) for split, order in splits.items()
        }
    arranged.orders = _viewed(views, final, unmixed, tuple(recipe.sources))
    return arranged


def views_of(recipe: Recipe) -> Sequence[View]:
    """Return the views of a recipe's format; raises ConfigError."""
    return recipe.format.views(SPLIT_NAMES, tuple(recipe.sources))


def _divided(recipe: Recipe, order: Order, arranged: Arrangement) -> dict[str, Order]:
    """Carry the steps across splits; return the order of each split that has a document by then.

    So does a split that had one before, by the column `split` of the parts.
    """
    promised = set(order.columns.get("split", np.empty(0)).tolist())
    for index, step in enumerate(recipe.steps):
        if arranges(step) and step.across_splits:
            order = _carried(recipe, [index], order, None, arranged)
            if not len(order):
                raise _nothing_after(recipe, index)
    if "split" not in order.columns:
        return {WHOLE: order}
    codes = order.columns["split"]
    promised |= set(codes.tolist())
    for step in recipe.steps:
        promised |= {SPLIT_NAMES.index(split) for split in step.promises(tuple(recipe.sources))}
    splits = {
        name: order.take(np.flatnonzero(codes == code))
        for code, name in enumerate(SPLIT_NAMES)
        if code in promised
    }
    for split, order in splits.items():
        if not len(order):
            raise _empty(recipe, split)
    return splits


def _carried(
    recipe: Recipe, steps: Sequence[int], order: Order, split: str | None, arranged: Arrangement
) -> Order:
    """Return what steps, by their indices, make of an order; the arrangement takes their notes."""
    known = tokenizer_of(recipe) or {}
    arranging = Arranging(
        seed=recipe.file.seed,
        split=split,
        source_names=tuple(recipe.sources),
        pad_id=known.get("pad_id"),
        eod_id=known.get("eod_id"),
        notes=arranged.store.notes,
        counts=arranged.counts,
        statistics=arranged.statistics,
    )
    for index in steps:
        with recipe.naming(index):
            order = recipe.steps[index].arrange(order, arranging)
    return order


def _viewed(
    views: Sequence[View],
    final: Mapping[str, Order],
    unmixed: Mapping[str, Order],
    source_names: Sequence[str],
) -> dict[str, Order]:
    """Return the order of each view that has a row."""
    orders = {}
    for view in views:
        held = final if view.sources is None else unmixed
        found = [held[split] for split in view.splits if split in held]
        if view.sources is not None:
            codes = [source_names.index(name) for name in view.sources]
            found = [
                order.take(np.flatnonzero(np.isin(order.columns["source"], codes)))
                for order in found
            ]
        if any(map(len, found)):
            orders[view.name] = reduce(Order.joined_to, found)
    return orders


def arranges(step: Step) -> bool:
    """Say whether a step works on the whole dataset."""
    return type(step).arrange is not Step.arrange


def _nothing_after(recipe: Recipe, index: int) -> DataError:
    return DataError(
        f"no row is left after {recipe.step_names[index]}; see what the steps drop",
        file=recipe.output,
    )


def _empty(recipe: Recipe, split: str) -> DataError:
    what = "token" if recipe.in_tokens else "row"
    return DataError(
        f"no {what} is left in {split} after the steps on the whole dataset; give it more rows "
        "or a larger share, or let the steps drop less",
        file=recipe.output,
    )
