"""The step `take`: the first rows of a source, or a seeded sample."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from helpers.step_batches import rows, run_steps
from penstock.errors import ConfigError
from penstock.step_report import StepReport
from penstock.steps import STEPS, Step, StepPosition

SOURCES = ("one", "two")
SOURCE_OF = [0, 1, 0, 1, 1, 0, 1, 1]


def take(**options: Any) -> Step:
    return STEPS.get("take").model_validate(options)


def taken(step: Step, seed: int = 0) -> tuple[list[int], StepReport]:
    batch = rows(*({"id": n} for n in range(len(SOURCE_OF))))
    order, reports, _ = run_steps([batch], step, sources=SOURCES, source=SOURCE_OF, seed=seed)
    return order.starts.tolist(), reports["take"]


def test_the_first_rows_of_each_source_stay_in_their_order() -> None:
    report = StepReport("take", 4, {"not_taken": 4}, {"one": 2, "two": 2})
    assert taken(take(rows=2)) == ([0, 1, 2, 3], report)


def test_only_named_sources_are_cut() -> None:
    assert taken(take(rows={"two": 1}))[0] == [0, 1, 2, 5]


def test_a_source_with_fewer_rows_keeps_all() -> None:
    numbers, report = taken(take(rows=4))
    assert numbers == [0, 1, 2, 3, 4, 5, 6]
    assert report == StepReport("take", 7, {"not_taken": 1}, {"one": 3, "two": 4})


def test_a_sample_depends_on_the_seed_and_keeps_the_order() -> None:
    sample = take(rows={"two": 2}, sample=True)
    found = {tuple(taken(sample, seed)[0]) for seed in range(40)}
    assert taken(sample) == taken(sample)
    assert len(found) == 10  # every two of five
    for numbers in found:
        assert list(numbers) == sorted(numbers)
        assert {0, 2, 5} < set(numbers)


def test_an_unknown_source_is_refused() -> None:
    with pytest.raises(ConfigError, match="rows: there is no source 'tow'; did you mean 'two'"):
        take(rows={"tow": 3}).verify(StepPosition([], [], SOURCES))


def test_it_runs_on_all_splits_at_once() -> None:
    assert take(rows=3).capabilities.across_splits
    assert not STEPS.get("shuffle").capabilities.across_splits


@pytest.mark.parametrize("count", [0, -1, {"one": 0}])
def test_no_rows_at_all_are_refused(count: Any) -> None:
    with pytest.raises(ValidationError):
        take(rows=count)
