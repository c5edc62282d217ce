"""The step `balance`: shares of sources, without a row twice."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.step_batches import order_of
from penstock.errors import ConfigError, DataError
from penstock.steps import STEPS, Arranging, Order, Step

SOURCES = ("paws", "qqp", "other")


def balance(**options: Any) -> Step:
    return STEPS.get("balance").model_validate(options)


def arranged(
    step: Step, source: list[int], seed: int = 0, **columns: Any
) -> tuple[Order, Arranging]:
    arranging = Arranging(seed, source_names=SOURCES)
    order = order_of([[1]] * len(source), source=source, **columns)
    return step.arrange(order, arranging), arranging


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 9), st.integers(1, 9))
def test_shares_are_those_of_the_weights_and_no_row_more_is_lost_than_must_be(
    paws: int, qqp: int, first: int, second: int
) -> None:
    step = balance(weights={"paws": first, "qqp": second})
    order, arranging = arranged(step, [0] * paws + [1] * qqp + [2] * 5)
    kept = np.bincount(order.columns["source"], minlength=3).tolist()
    assert kept[2] == 5  # no weight, kept whole
    assert kept[0] == paws or kept[1] == qqp
    assert abs(kept[0] * second - kept[1] * first) <= max(first, second)
    assert arranging.counts["balance.dropped"] == paws + qqp + 5 - sum(kept)
    assert order.starts.tolist() == sorted(set(order.starts.tolist()))


def test_the_seed_decides_which_rows_stay() -> None:
    step = balance(weights={"paws": 1, "qqp": 1})
    rows = [0] * 10 + [1] * 200
    made = [arranged(step, rows, seed)[0].starts.tolist() for seed in (0, 0, 1)]
    assert made[0] == made[1] != made[2]


def test_splits_that_are_not_meant_stay_as_they_are() -> None:
    step = balance(weights={"paws": 1, "qqp": 1}, splits=["train"])
    order, _ = arranged(step, [0, 1, 1, 1, 1], split=[0, 0, 0, 1, 2])
    assert np.bincount(order.columns["split"]).tolist() == [2, 1, 1]


def test_a_source_without_a_row_and_one_without_a_name_are_errors() -> None:
    step = balance(weights={"paws": 1, "qqp": 1})
    with pytest.raises(DataError, match=r"^balance: the source 'qqp' has no row to be weighed"):
        arranged(step, [0, 0])
    with pytest.raises(ConfigError, match=r"weights: there is no source 'pawz'; did you mean"):
        balance(weights={"pawz": 1, "qqp": 1}).verify([], SOURCES)
