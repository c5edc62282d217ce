"""The step `balance`: shares of sources, no row repeated."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.step_batches import context, order_of
from penstock.errors import ConfigError, StepError
from penstock.step_report import StepReport
from penstock.steps import STEPS, Order, Step, StepPosition

SOURCES = ("paws", "qqp", "other")


def balance(**options: Any) -> Step:
    return STEPS.get("balance").model_validate(options)


def reordered(
    step: Step, source: list[int], seed: int = 0, **columns: Any
) -> tuple[Order, StepReport]:
    given = context(seed=seed, source_names=SOURCES)
    order = order_of([[1]] * len(source), source=source, **columns)
    return step.reorder(order, given), given.report


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 9), st.integers(1, 9))
def test_shares_match_the_weights_and_as_few_rows_as_possible_are_dropped(
    paws: int, qqp: int, first: int, second: int
) -> None:
    step = balance(weights={"paws": first, "qqp": second})
    order, report = reordered(step, [0] * paws + [1] * qqp + [2] * 5)
    kept = np.bincount(order.columns["source"], minlength=3).tolist()
    assert kept[2] == 5  # without a weight nothing is dropped
    assert kept[0] == paws or kept[1] == qqp
    assert abs(kept[0] * second - kept[1] * first) <= max(first, second)
    assert report.total_dropped == paws + qqp + 5 - sum(kept)
    assert order.starts.tolist() == sorted(set(order.starts.tolist()))


def test_the_seed_decides_which_rows_stay() -> None:
    step = balance(weights={"paws": 1, "qqp": 1})
    rows = [0] * 10 + [1] * 200
    made = [reordered(step, rows, seed)[0].starts.tolist() for seed in (0, 0, 1)]
    assert made[0] == made[1] != made[2]


def test_other_splits_do_not_change() -> None:
    step = balance(weights={"paws": 1, "qqp": 1}, splits=["train"])
    order, _ = reordered(step, [0, 1, 1, 1, 1], split=[0, 0, 0, 1, 2])
    assert np.bincount(order.columns["split"]).tolist() == [2, 1, 1]


def test_an_empty_source_and_an_unknown_source_are_errors() -> None:
    step = balance(weights={"paws": 1, "qqp": 1})
    with pytest.raises(StepError, match=r"^the source 'qqp' has a weight but no rows left"):
        reordered(step, [0, 0])
    with pytest.raises(ConfigError, match=r"weights: there is no source 'pawz'; did you mean"):
        balance(weights={"pawz": 1, "qqp": 1}).verify(StepPosition([], [], SOURCES))
