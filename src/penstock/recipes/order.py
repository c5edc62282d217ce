"""From the documents of the partial outputs to the rows of each split."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any

import numpy as np

from penstock.errors import DataError
from penstock.formats import OutputSpec, RowBlock, SplitShape
from penstock.recipes.partition import column_name
from penstock.recipes.recipe import Recipe
from penstock.recipes.store import Store
from penstock.splits import SPLIT_NAMES
from penstock.step_report import StepReport
from penstock.steps import DatasetStep, MeasuringStep, Order, OrderContext

#: The split of a dataset that no step divides.
UNDIVIDED = "train"


@dataclass
class OrderedDataset:
    """The rows of each view of the format, and the reports of the steps on the whole dataset.

    `orders` is None if documents keep the order of the store; then no order is in memory.
    """

    store: Store
    orders: Mapping[str, Order] | None
    reports: dict[int, StepReport] = field(default_factory=dict)
    statistics: dict[str, Any] = field(default_factory=dict)

    def shapes(self) -> dict[str, SplitShape]:
        """Return the size of each view."""
        if self.orders is None:
            return {UNDIVIDED: self.store.shape()}
        return {
            view: SplitShape(len(order), len(order.lengths), order.tokens)
            for view, order in self.orders.items()
        }

    def rows(self, view: str, start: int, stop: int) -> Iterator[RowBlock]:
        """Yield the rows of a view from `start` to before `stop`."""
        if self.orders is None:
            return self.store.in_stored_order(start, stop)
        return self.store.rows(self.orders[view], start, stop)

    def output_spec(
        self, recipe: Recipe, shapes: Mapping[str, SplitShape] | None = None
    ) -> OutputSpec:
        """Return what the format must write, by default with the shapes of this dataset."""
        # All views have the same context and padding.
        order = next(iter((self.orders or {}).values()), None)
        return OutputSpec(
            directory=recipe.output,
            name=recipe.name,
            splits=self.shapes() if shapes is None else shapes,
            dtype=self.store.dtype,
            context=None if order is None else order.context,
            pad_id=None if order is None else order.pad_id,
            vocab_size=(recipe.tokenizer() or {}).get("vocab_size"),
        )


def order_dataset(recipe: Recipe, store: Store) -> OrderedDataset:
    """Run the steps on the whole dataset: first those over all splits, then those on each split.

    Raises StepError and DataError, also for a split that must have rows and has none.
    """
    divided = any("split" in stored.partial.read_arrays() for stored in store.parts[:1])
    plain = tuple(view.name for view in recipe.views) == SPLIT_NAMES
    has_steps = any(isinstance(step, DatasetStep) for step in recipe.steps)
    if plain and not divided and not has_steps and not store.has_grouped_rows(recipe.in_tokens):
        return OrderedDataset(store, None)
    from penstock.kernels import packing  # noqa: F401 - compiled before the workers are forked

    result = OrderedDataset(store, {})
    splits = _divide(recipe, store.order(), result)
    per_split = recipe.dataset_steps(across_splits=False)
    ordered = {
        split: _run_steps(recipe, per_split, order, split, result)
        for split, order in splits.items()
    }
    _check_reports(recipe, per_split, result)
    for split, order in ordered.items():
        if not order.tokens:
            raise _empty(recipe, split)
    by_source: Mapping[str, Order] = {}
    if any(view.sources is not None for view in recipe.views):
        unmixed = [(i, step) for i, step in per_split if not step.capabilities.mixes_sources]
        ignored = OrderedDataset(store, {})  # `result` has the reports already
        by_source = {
            split: _run_steps(recipe, unmixed, order, split, ignored)
            for split, order in splits.items()
        }
    orders = {}
    for view in recipe.views:
        chosen = ordered if view.sources is None else by_source
        found = [chosen[split] for split in view.splits if split in chosen]
        if view.sources is not None:
            codes = [recipe.source_names.index(name) for name in view.sources]
            found = [
                order.take(np.flatnonzero(np.isin(order.columns["source"], codes)))
                for order in found
            ]
        if any(map(len, found)):
            orders[view.name] = reduce(Order.joined_to, found)
    result.orders = orders
    return result


def _divide(recipe: Recipe, order: Order, result: OrderedDataset) -> dict[str, Order]:
    """Run the steps over all splits; return the order of each split."""
    required = set(order.columns.get("split", np.empty(0)).tolist())
    for index, step in recipe.dataset_steps(across_splits=True):
        order = _run_steps(recipe, [(index, step)], order, None, result)
        _check_reports(recipe, [(index, step)], result)
        if not len(order):
            raise DataError(
                f"no row is left after {recipe.labels[index]}; check what the steps drop",
                file=recipe.output,
            )
    if not recipe.in_tokens:
        order = order.one_row_per_unit()
    if "split" not in order.columns:
        return {UNDIVIDED: order}
    codes = order.columns["split"]
    required |= set(codes.tolist())
    for name in {n for step in recipe.steps for n in step.required_splits(recipe.source_names)}:
        required.add(SPLIT_NAMES.index(name))
    splits = {
        name: order.take(np.flatnonzero(codes == code))
        for code, name in enumerate(SPLIT_NAMES)
        if code in required
    }
    for split, order in splits.items():
        if not len(order):
            raise _empty(recipe, split)
    return splits


def _run_steps(
    recipe: Recipe,
    steps: Sequence[tuple[int, DatasetStep]],
    order: Order,
    split: str | None,
    result: OrderedDataset,
) -> Order:
    """Return the order after some steps; their reports are added to those of `result`."""
    tokenizer = recipe.tokenizer() or {}
    for index, step in steps:
        report = result.reports.setdefault(index, StepReport(recipe.labels[index]))
        context = OrderContext(
            seed=recipe.file.seed,
            report=report,
            split=split,
            source_names=recipe.source_names,
            pad_id=tokenizer.get("pad_id"),
            eod_id=tokenizer.get("eod_id"),
            aside=result.store.aside,
            statistics=result.statistics,
        )
        columns = dict(order.columns)
        if isinstance(step, MeasuringStep):
            context.values = columns.pop(column_name(index))
        with recipe.locating(index):
            order = step.reorder(replace(order, columns=columns), context)
        report.kept += len(order)
    return order


def _check_reports(
    recipe: Recipe, steps: Sequence[tuple[int, DatasetStep]], result: OrderedDataset
) -> None:
    for index, step in steps:
        with recipe.locating(index):
            step.check_report(result.reports[index])


def _empty(recipe: Recipe, split: str) -> DataError:
    unit = "token" if recipe.in_tokens else "row"
    return DataError(
        f"no {unit} is left in {split} after the steps on the whole dataset; give it more rows or "
        "a larger share, or let the steps drop less",
        file=recipe.output,
    )
