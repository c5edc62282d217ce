"""The steps `shuffle` and `pad`, and the order that they work on."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.step_batches import context, order_of, segments_of
from penstock.errors import ConfigError, StepError
from penstock.kernels.ordering import permutation
from penstock.steps import STEPS, Order, OrderContext, StepPosition

UNITS = st.lists(st.lists(st.integers(0, 9), max_size=3), max_size=20)


def pad(order: Order, given_: OrderContext | None = None, **options: Any) -> Order:
    """Return the padded order."""
    return STEPS.get("pad").model_validate(options).reorder(order, given_ or context())


@given(UNITS, st.data())
def test_an_order_gives_any_units_with_their_segments(
    units: list[list[int]], data: st.DataObject
) -> None:
    order = order_of(units, split=[n % 3 for n in range(len(units))])
    chosen = data.draw(st.lists(st.integers(0, len(units) - 1))) if units else []
    taken = order.take(np.array(chosen, np.int64))
    assert segments_of(taken) == [segments_of(order)[unit] for unit in chosen]
    assert taken.columns["split"].tolist() == [unit % 3 for unit in chosen]
    assert taken.unit_lengths().tolist() == [sum(units[unit]) for unit in chosen]


@given(UNITS, st.integers(0, 2**63 - 1))
def test_shuffling_keeps_every_unit_once_and_follows_the_seed(
    units: list[list[int]], seed: int
) -> None:
    order = order_of(units)
    step = STEPS.get("shuffle").model_validate({})
    shuffled = step.reorder(order, context(seed=seed, split="train"))
    assert sorted(segments_of(shuffled)) == sorted(segments_of(order))
    assert segments_of(step.reorder(order, context(seed=seed, split="train"))) == segments_of(
        shuffled
    )


def test_seeds_and_splits_shuffle_differently() -> None:
    drawn = {
        tuple(permutation(10, seed, split, "shuffle").tolist())
        for seed in (0, 1)
        for split in ("train", "validation")
    }
    assert len(drawn) == 4


def test_a_permutation_is_the_same_for_ever() -> None:
    assert permutation(10, 0, "train", "shuffle").tolist() == [1, 6, 8, 0, 4, 9, 5, 2, 7, 3]


def test_every_order_of_four_is_as_likely_as_another() -> None:
    drawn = [tuple(permutation(4, seed).tolist()) for seed in range(24_000)]
    _, counts = np.unique(drawn, axis=0, return_counts=True)
    assert len(counts) == 24
    # Chi-square with 23 degrees of freedom is above 49.7 once in a thousand.
    assert ((counts - 1000) ** 2 / 1000).sum() < 49.7


def test_like_python_is_the_order_that_its_random_gives_a_list() -> None:
    order = order_of([[1]] * 100)
    step = STEPS.get("shuffle").model_validate({"like": "python"})
    listed = list(range(100))
    Random(42).shuffle(listed)
    assert step.reorder(order, context(seed=42, split="train")).starts.tolist() == listed
    assert step.reorder(order, context(seed=42, split="test")).starts.tolist() == listed


def test_only_the_splits_that_are_named_are_shuffled() -> None:
    order = order_of([[1]] * 50)
    step = STEPS.get("shuffle").model_validate({"splits": ["train"]})
    moved = {
        split: step.reorder(order, context(split=split)).starts.tolist() != list(range(50))
        for split in ("train", "validation", "test")
    }
    assert moved == {"train": True, "validation": False, "test": False}


def test_padding_fills_rows_up_to_the_context_and_is_counted() -> None:
    given_ = context(pad_id=7)
    packed = (
        STEPS.get("pack").model_validate({"context": 8}).reorder(order_of([[5], [4], [2]]), given_)
    )
    padded = pad(packed, given_)
    assert (padded.context, padded.pad_id) == (8, 7)
    assert given_.report.noted["tokens"] == 2 * 8 - 11


@pytest.mark.parametrize(
    ("options", "pad_id", "eod_id", "expected"),
    [({"id": 3}, 1, 2, 3), ({"id": 0}, 1, 2, 0), ({}, 0, 2, 0), ({}, None, 2, 2)],
)
def test_the_id_is_the_one_given_else_the_pad_else_the_eod(
    options: dict[str, int], pad_id: int | None, eod_id: int | None, expected: int
) -> None:
    given_ = context(pad_id=pad_id, eod_id=eod_id)
    assert pad(order_of([[1]]), given_, to=4, **options).pad_id == expected


def test_padding_needs_a_length() -> None:
    pack = STEPS.get("pack").model_validate({"context": 8})
    STEPS.get("pad").model_validate({}).verify(StepPosition([pack], [], ["source"]))
    STEPS.get("pad").model_validate({"to": 8}).verify(StepPosition([], [], ["source"]))
    with pytest.raises(ConfigError, match="the length is not known; set `to`, or put `pack`"):
        STEPS.get("pad").model_validate({}).verify(StepPosition([], [], ["source"]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"to": 4}, "the tokenizer has no pad or eod token; set {setting}"),
        (
            {"id": 0, "to": 4},
            "1 row of 2 exceed 4 tokens (the longest has 5); raise {setting}, or put `split` and "
            "`pack` before",
        ),
    ],
)
def test_padding_that_cannot_be_is_refused(options: dict[str, int], message: str) -> None:
    with pytest.raises(StepError) as refused:
        pad(order_of([[1], [3, 2]]), **options)
    assert str(refused.value) == message
