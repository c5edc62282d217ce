"""Batches, orders and counters for the tests of steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from penstock.batches import RowBatch, RowStats, TokenBatch
from penstock.step_report import StepReport
from penstock.steps import DatasetStep, MeasuringStep, Order, OrderContext, Step, StepPosition


def stats(skip: bool = False) -> RowStats:
    """Return the counters of the input split `input.jsonl`, whose row n is line n + 1.

    `stats.current` is the report that a step fills in.
    """
    return RowStats(lambda number: ("input.jsonl", number + 1), skip=skip)


def rows(*rows: dict[str, Any]) -> RowBatch:
    """Return a batch of rows; a row without a text gets an empty one."""
    return RowBatch([{"text": "", **row} for row in rows], range(len(rows)))


def texts(*texts: str) -> RowBatch:
    """Return a batch of rows that have only a text."""
    return rows(*({"text": text} for text in texts))


def documents(
    documents: Sequence[Sequence[int]], dtype: type[np.integer] = np.uint16
) -> TokenBatch:
    """Return a batch of documents of one sequence each."""
    return TokenBatch(
        ids=np.array([id_ for document in documents for id_ in document], dtype),
        lengths=np.array([len(document) for document in documents], np.int32),
        sequences=np.ones(len(documents), np.int32),
        numbers=range(len(documents)),
    )


def order_of(units: Sequence[Sequence[int]], **columns: Sequence[int]) -> Order:
    """Return the order of units with segments of these lengths, one after the other."""
    lengths = np.array([length for unit in units for length in unit], np.int32)
    return Order(
        starts=np.cumsum(lengths, dtype=np.int64) - lengths,
        lengths=lengths,
        first=np.cumsum([0, *map(len, units)], dtype=np.int64),
        columns={name: np.array(column, np.uint8) for name, column in columns.items()},
    )


def context(name: str = "step", seed: int = 0, **fields: Any) -> OrderContext:
    """Return the context of a step on the whole dataset, with an empty report."""
    return OrderContext(seed=seed, report=StepReport(name), **fields)


def run_steps(
    batches: Sequence[RowBatch],
    *steps: Step,
    sources: Sequence[str] = ("source",),
    source: Sequence[int] | None = None,
    seed: int = 0,
) -> tuple[Order, dict[str, StepReport], dict[str, Any]]:
    """Run steps as a build of rows does: those on rows batch by batch, then those on the dataset.

    Returns the order, whose `starts` are the numbers of the remaining rows, the report of each step
    by its class name in lower case, and the statistics. `source` is the code of each row's source.
    """
    names = [type(step).__name__.lower() for step in steps]
    for index, step in enumerate(steps):
        step.verify(StepPosition(steps[:index], steps[index + 1 :], sources))
    counted = RowStats(lambda number: ("input.jsonl", number + 1), steps=names)
    columns: list[dict[str, np.ndarray]] = []
    left: list[int] = []
    seen = 0
    for batch in batches:
        made: Any = batch
        for index, step in enumerate(steps):
            with counted.step(index) as report:
                if isinstance(step, MeasuringStep):
                    made, values = step.measure(made, counted)
                    made.columns = {**made.columns, f"step{index}": values}
                elif not isinstance(step, DatasetStep):
                    made = step.apply(made, counted)
                    report.kept += len(made)
        columns.append(made.columns)
        left += [seen + number for number in made.numbers]
        seen += len(batch)
    joined = {name: np.concatenate([each[name] for each in columns]) for name in columns[0]}
    of_rows = np.array(source if source is not None else [0] * seen, np.uint8)
    joined["source"] = of_rows[left]
    order = replace(order_of([[1]] * len(left)), starts=np.array(left, np.int64), columns=joined)
    aside = {name: np.concatenate(values) for name, values in counted.kept_aside.items()}
    statistics: dict[str, Any] = {}
    for index, step in enumerate(steps):
        report = counted.reports[index + 1]
        if isinstance(step, DatasetStep):
            columns_left = dict(order.columns)
            given = OrderContext(
                seed, report, source_names=sources, aside=aside, statistics=statistics
            )
            if isinstance(step, MeasuringStep):
                given.values = columns_left.pop(f"step{index}")
            order = step.reorder(replace(order, columns=columns_left), given)
            report.kept += len(order)
        step.check_report(report)
    return order, {report.name: report for report in counted.reports}, statistics


def segments_of(order: Order) -> list[list[tuple[int, int]]]:
    """Return the segments of each unit as (start, length)."""
    pairs = list(zip(order.starts.tolist(), order.lengths.tolist(), strict=True))
    bounds = order.first.tolist()
    return [pairs[a:b] for a, b in pairwise(bounds)]


def tokens_of(order: Order) -> list[int]:
    """Return the address of every token, unit by unit."""
    return [
        token
        for unit in segments_of(order)
        for start, length in unit
        for token in range(start, start + length)
    ]
