"""The learning rate of each step."""

from __future__ import annotations

import math
from typing import Any

import pytest

from penstock.training import Hyperparameters


def rates(steps: int, **values: Any) -> list[float]:
    given = Hyperparameters(learning_rate=8.0, steps=steps, **values)
    return [given.learning_rate_at(step) for step in range(1, steps + 1)]


def test_a_constant_rate_is_the_peak_at_every_step() -> None:
    assert rates(5) == [8.0] * 5


def test_warm_up_rises_linearly_to_the_peak() -> None:
    assert rates(6, warmup=4) == [2.0, 4.0, 6.0, 8.0, 8.0, 8.0]


def test_a_warm_up_below_one_is_a_fraction_of_the_steps() -> None:
    assert rates(8, warmup=0.5) == rates(8, warmup=4)
    assert rates(5, warmup=0.3) == rates(5, warmup=2), "a fraction of a step is rounded up"


def test_a_linear_schedule_would_be_zero_one_step_after_the_last() -> None:
    assert rates(4, scheduler="linear") == [8.0, 6.0, 4.0, 2.0]
    assert rates(6, scheduler="linear", warmup=2) == [4.0, 8.0, 8.0, 6.0, 4.0, 2.0]


def test_a_cosine_schedule_is_half_way_down_in_the_middle() -> None:
    found = rates(4, scheduler="cosine", warmup=0)
    assert found == pytest.approx([4 * (1 + math.cos(math.pi * i / 4)) for i in range(4)])
    assert found[0] == 8.0
    assert found[2] == pytest.approx(4.0)


@pytest.mark.parametrize("scheduler", ["constant", "linear", "cosine"])
@pytest.mark.parametrize("warmup", [0, 1, 3, 10, 20])
def test_no_rate_is_below_zero_or_above_the_peak(scheduler: str, warmup: int) -> None:
    found = rates(10, scheduler=scheduler, warmup=warmup)
    assert all(0 < rate <= 8.0 for rate in found)


@pytest.mark.parametrize("bad", [0.0, -1.0, math.inf, math.nan])
def test_an_invalid_learning_rate_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="learning_rate"):
        Hyperparameters(learning_rate=bad)
