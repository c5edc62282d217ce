"""From the documents as they lie in the parts to the rows of each split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from penstock.errors import DataError
from penstock.formats import RowBlock, SplitShape
from penstock.recipes.schema import Recipe
from penstock.recipes.store import Store
from penstock.recipes.tokenizers import tokenizer_of
from penstock.steps import SPLIT_NAMES, Arranging, Order, Step

#: The split of a dataset that no step divides.
WHOLE = "train"


@dataclass
class Arrangement:
    """The rows of each split, and what the steps on the whole dataset did.

    `orders` is None for a dataset that keeps its documents as they lie: nothing about it has to be
    held in memory.
    """

    store: Store
    orders: Mapping[str, Order] | None
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def context(self) -> int | None:
        """The length of every row where the steps gave them one."""
        return None if self._any is None else self._any.context

    @property
    def pad_id(self) -> int | None:
        """What rows are filled up with."""
        return None if self._any is None else self._any.pad_id

    def shapes(self) -> dict[str, SplitShape]:
        """Return how large each split is."""
        if self.orders is None:
            return {WHOLE: self.store.shape()}
        return {
            split: SplitShape(len(order), len(order.lengths), order.tokens)
            for split, order in self.orders.items()
        }

    def rows(self, split: str, start: int, stop: int) -> Iterator[RowBlock]:
        """Yield the rows of a split from `start` to before `stop`."""
        if self.orders is None:
            return self.store.as_it_lies(start, stop)
        return self.store.rows(self.orders[split], start, stop)

    @property
    def _any(self) -> Order | None:
        """The order of some split: all went through the same steps."""
        return next(iter((self.orders or {}).values()), None)


def arrange(recipe: Recipe, store: Store) -> Arrangement:
    """Carry the steps on the whole dataset; first those across splits, then each split's own."""
    steps = [(index, step) for index, step in enumerate(recipe.steps) if arranges(step)]
    divided = any("split" in stored.part.read_arrays() for stored in store.parts[:1])
    if not steps and not divided:
        return Arrangement(store, None)
    from penstock.recipes import _gather  # noqa: F401 - loaded before the workers are forked

    counts: Counter[str] = Counter()
    order = store.order()
    promised = set(order.columns["split"].tolist()) if divided else set()
    for index, step in steps:
        if step.across_splits:
            with recipe.naming(index):
                order = step.arrange(order, _arranging(recipe, None, counts))
            if not len(order):
                raise _nothing_after(recipe, index)
    # Columns of the parts have it, or one of those steps has made it.
    if "split" in order.columns:
        promised |= set(order.columns["split"].tolist())
        orders = _divide(order, promised)
    else:
        orders = {WHOLE: order}
    for split in orders:
        for index, step in steps:
            if not step.across_splits:
                told = _arranging(recipe, split, counts)
                with recipe.naming(index):
                    orders[split] = step.arrange(orders[split], told)
    for split, order in orders.items():
        if not order.tokens:
            raise _empty(recipe, split)
    return Arrangement(store, orders, counts)


def arranges(step: Step) -> bool:
    """Say whether a step works on the whole dataset."""
    return type(step).arrange is not Step.arrange


def _arranging(recipe: Recipe, split: str | None, counts: Counter[str]) -> Arranging:
    known = tokenizer_of(recipe) or {}
    return Arranging(
        seed=recipe.file.seed,
        split=split,
        source_names=tuple(recipe.sources),
        pad_id=known.get("pad_id"),
        eod_id=known.get("eod_id"),
        counts=counts,
    )


def _divide(order: Order, promised: set[int]) -> dict[str, Order]:
    """Return the order of each split that had a document, by the column `split`."""
    codes = order.columns["split"]
    return {
        name: order.take(np.flatnonzero(codes == code))
        for code, name in enumerate(SPLIT_NAMES)
        if code in promised
    }


def _nothing_after(recipe: Recipe, index: int) -> DataError:
    return DataError(
        f"no row is left after {recipe.step_names[index]}; see what the steps drop",
        file=recipe.output,
    )


def _empty(recipe: Recipe, split: str) -> DataError:
    what = "token" if recipe.in_tokens else "row"
    return DataError(
        f"no {what} is left in {split} after the steps on the whole dataset; give it more rows, or "
        "let the steps drop less",
        file=recipe.output,
    )
