"""Batches, orders and tallies for the tests of steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from penstock.batches import RowBatch, RowStats, TokenBatch
from penstock.steps import Arranging, Order, Step


def stats(skip: bool = False) -> RowStats:
    """Return a stats of the input_split `input.jsonl`, whose row n is line n + 1."""
    return RowStats(lambda number: ("input.jsonl", number + 1), skip=skip)


def rows(*rows: dict[str, Any]) -> RowBatch:
    """Return a batch of rows; one without a text gets an empty one."""
    return RowBatch([{"text": "", **row} for row in rows], range(len(rows)))


def texts(*texts: str) -> RowBatch:
    """Return a batch of rows that are their text alone."""
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
    """Return the order of units given by the lengths of their segments, one after the other."""
    lengths = np.array([length for unit in units for length in unit], np.int32)
    return Order(
        starts=np.cumsum(lengths, dtype=np.int64) - lengths,
        lengths=lengths,
        first=np.cumsum([0, *map(len, units)], dtype=np.int64),
        columns={name: np.array(column, np.uint8) for name, column in columns.items()},
    )


def arranged(
    batches: Sequence[RowBatch],
    *steps: Step,
    sources: Sequence[str] = ("source",),
    source: Sequence[int] | None = None,
    seed: int = 0,
) -> tuple[Order, Counter[str]]:
    """Carry steps through `apply`, batch by batch, then `arrange`, as a build of rows does.

    Returns the order, whose `starts` are the numbers of the rows that stay, and the counts.
    `source` is the number of each row's source.
    """
    counted = stats()
    columns: list[dict[str, np.ndarray]] = []
    left: list[int] = []
    seen = 0
    for batch in batches:
        made: Any = batch
        for step in steps:
            made = step.apply(made, counted)
        columns.append(made.columns)
        left += [seen + number for number in made.numbers]
        seen += len(batch)
    joined = {name: np.concatenate([each[name] for each in columns]) for name in columns[0]}
    of_rows = np.array(source if source is not None else [0] * seen, np.uint8)
    joined["source"] = of_rows[left]
    order = replace(order_of([[1]] * len(left)), starts=np.array(left, np.int64), columns=joined)
    notes = {name: np.concatenate(values) for name, values in counted.notes.items()}
    arranging = Arranging(seed, source_names=sources, notes=notes, counts=counted.counts)
    for step in steps:
        order = step.arrange(order, arranging)
    return order, counted.counts


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
