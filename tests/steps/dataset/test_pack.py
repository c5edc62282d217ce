"""The step `pack`: every token once, no row too long, little padding."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from helpers.step_batches import context, order_of, segments_of, tokens_of
from penstock.errors import StepError
from penstock.step_report import StepReport
from penstock.steps import STEPS, Order

CONTEXT = 16
UNITS = st.lists(st.lists(st.integers(0, CONTEXT), max_size=4), max_size=40)
METHODS = st.sampled_from(["best_fit", "first_fit", "concatenate", "none"])
WINDOWS = st.sampled_from([None, 1, 2, 7])


def pack(order: Order, seed: int = 0, **options: Any) -> tuple[Order, StepReport]:
    """Pack an order; return the rows and the report."""
    given_ = context(seed=seed, split="train")
    step = STEPS.get("pack").model_validate({"context": CONTEXT, **options})
    return step.reorder(order, given_), given_.report


def options_of(method: str, window: int | None) -> dict[str, Any]:
    """Return options with a window only for the methods that use it."""
    return {"method": method} | ({"window": window} if method.endswith("fit") else {})


@given(UNITS, METHODS, WINDOWS, st.booleans())
def test_every_token_is_packed_exactly_once_and_no_row_exceeds_the_context(
    units: list[list[int]], method: str, window: int | None, shuffle: bool
) -> None:
    order = order_of(units)
    packed, _ = pack(order, shuffle=shuffle, **options_of(method, window))
    assert sorted(tokens_of(packed)) == list(range(order.tokens))
    assert packed.context == CONTEXT
    assert all(0 < length <= CONTEXT for length in packed.unit_lengths())
    assert all(length > 0 for length in packed.lengths)


@given(UNITS, METHODS, WINDOWS)
def test_segments_stay_whole_and_in_their_order_unless_they_are_concatenated(
    units: list[list[int]], method: str, window: int | None
) -> None:
    order = order_of(units)
    packed, report = pack(order, **options_of(method, window))
    rows = segments_of(packed)
    assert all(a < b for row in rows for (a, _), (b, _) in pairwise(row))
    if method != "concatenate":
        given_ = {(start, n) for unit in segments_of(order) for start, n in unit if n}
        assert {segment for row in rows for segment in row} == given_
        assert "cuts" not in report.noted


@given(UNITS, METHODS, WINDOWS, st.integers(0, 3))
def test_the_seed_decides_the_rows(
    units: list[list[int]], method: str, window: int | None, seed: int
) -> None:
    options = options_of(method, window)
    first, _ = pack(order_of(units), seed, **options)
    again, _ = pack(order_of(units), seed, **options)
    other, _ = pack(order_of(units), seed + 1, **options)
    assert segments_of(first) == segments_of(again)
    assert sorted(segments_of(first)) == sorted(segments_of(other))


@given(UNITS, METHODS)
def test_without_shuffling_rows_come_in_the_order_of_their_first_segments(
    units: list[list[int]], method: str
) -> None:
    packed, _ = pack(order_of(units), method=method, shuffle=False)
    starts = [row[0][0] for row in segments_of(packed)]
    assert starts == sorted(starts)


@given(UNITS, st.sampled_from(["best_fit", "first_fit"]), st.integers(1, 9))
def test_a_row_never_holds_documents_of_two_windows(
    units: list[list[int]], method: str, window: int
) -> None:
    order = order_of(units)
    packed, _ = pack(order, method=method, window=window)
    window_of = {
        start: unit // window
        for unit, row in enumerate(segments_of(order))
        for start, n in row
        if n
    }
    assert all(len({window_of[start] for start, _ in row}) == 1 for row in segments_of(packed))


@given(st.lists(st.integers(1, CONTEXT), max_size=60))
def test_best_fit_is_best_fit_decreasing(lengths: list[int]) -> None:
    spaces: list[int] = []
    for length in sorted(lengths, reverse=True):
        fitting = [space for space in spaces if space >= length]
        if fitting:
            spaces.remove(min(fitting))
        spaces.append((min(fitting) if fitting else CONTEXT) - length)
    packed, _ = pack(order_of([[length] for length in lengths]))
    assert sorted(CONTEXT - packed.unit_lengths()) == sorted(spaces)


@given(st.lists(st.integers(1, CONTEXT), max_size=60))
def test_first_fit_takes_the_first_row_that_fits(lengths: list[int]) -> None:
    rows: list[list[int]] = []
    for index, length in enumerate(lengths):
        fitting = [row for row in rows if sum(lengths[i] for i in row) + length <= CONTEXT]
        (fitting[0] if fitting else rows.append([]) or rows[-1]).append(index)
    order = order_of([[length] for length in lengths])
    packed, _ = pack(order, method="first_fit", shuffle=False)
    starts = order.starts.tolist()
    assert [[start for start, _ in row] for row in segments_of(packed)] == [
        [starts[index] for index in row] for row in rows
    ]


@given(UNITS)
def test_concatenate_fills_every_row_but_the_last(units: list[list[int]]) -> None:
    order = order_of(units)
    packed, report = pack(order, method="concatenate", shuffle=False)
    assert tokens_of(packed) == list(range(order.tokens))
    assert all(length == CONTEXT for length in packed.unit_lengths()[:-1])
    cuts = len(packed.lengths) - sum(length > 0 for unit in units for length in unit)
    assert report.noted.get("cuts", 0) == cuts


def test_a_million_tokens_of_ordinary_lengths_leave_hardly_a_gap() -> None:
    drawn = np.random.default_rng(0).lognormal(np.log(598) - 0.5, 1, 20_000)
    lengths = np.clip(drawn, 1, 4096).astype(np.int32)
    order = order_of([[length] for length in lengths.tolist()])
    packed, report = pack(order, context=4096)
    least = -(-order.tokens // 4096)
    assert least <= len(packed) <= least * 1.0005
    assert report.total_dropped == 0


def test_a_sequence_longer_than_the_context_is_refused_with_the_mend() -> None:
    with pytest.raises(StepError) as refused:
        pack(order_of([[3], [17], [40]]))
    assert str(refused.value) == (
        "2 sequences of 3 exceed the context of 16 tokens (the longest has 40); add `split` with "
        "`context: 16` before `pack`"
    )


def test_concatenate_takes_sequences_of_any_length() -> None:
    packed, report = pack(order_of([[40]]), method="concatenate", shuffle=False)
    assert segments_of(packed) == [[(0, 16)], [(16, 16)], [(32, 8)]]
    assert report.noted == {"cuts": 2}


def test_documents_without_a_token_are_left_out_and_counted() -> None:
    packed, report = pack(order_of([[], [0], [3], [0, 2]]))
    assert packed.tokens == 5
    assert report.noted == {"empty_documents": 2}


def test_rows_keep_split_and_source_and_hold_one_source_each() -> None:
    order = order_of([[2], [3], [4], [5]], split=[1] * 4, source=[0, 1, 0, 1], other=[1, 2, 3, 4])
    packed, _ = pack(order, shuffle=False)
    assert segments_of(packed) == [[(0, 2), (5, 4)], [(2, 3), (9, 5)]]
    assert {name: column.tolist() for name, column in packed.columns.items()} == {
        "split": [1, 1],
        "source": [0, 1],
    }


def test_across_sources_a_row_holds_several_and_knows_none() -> None:
    order = order_of([[2], [3], [4], [5]], source=[0, 1, 0, 1])
    packed, _ = pack(order, across_sources=True)
    assert len(packed) == 1
    assert packed.columns == {}


@given(UNITS, st.data(), METHODS, WINDOWS)
def test_sources_are_never_mixed_in_a_row(
    units: list[list[int]], data: st.DataObject, method: str, window: int | None
) -> None:
    sources = data.draw(st.lists(st.integers(0, 2), min_size=len(units), max_size=len(units)))
    order = order_of(units, source=sources)
    packed, _ = pack(order, **options_of(method, window))
    source_of = {
        token: source
        for source, unit in zip(sources, segments_of(order), strict=True)
        for start, length in unit
        for token in range(start, start + length)
    }
    assert sorted(tokens_of(packed)) == list(range(order.tokens))
    for source, row in zip(packed.columns["source"], segments_of(packed), strict=True):
        assert {source_of[start] for start, _ in row} == {source}


def test_nothing_packs_into_nothing() -> None:
    assert len(pack(order_of([]))[0]) == 0


def test_a_window_where_it_means_nothing_is_refused() -> None:
    with pytest.raises(ValidationError, match="`window` is not used with `method: none`"):
        pack(order_of([]), method="none", window=3)
