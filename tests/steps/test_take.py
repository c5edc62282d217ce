"""The step `take`: the first rows of a source, or a sample that the seed decides."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from helpers.step_batches import arranged, rows
from penstock.errors import ConfigError
from penstock.steps import STEPS, Step

SOURCES = ("one", "two")
SOURCE_OF = [0, 1, 0, 1, 1, 0, 1, 1]


def take(**options: Any) -> Step:
    return STEPS.get("take").model_validate(options)


def taken(step: Step, seed: int = 0) -> tuple[list[int], dict[str, int]]:
    batch = rows(*({"id": n} for n in range(len(SOURCE_OF))))
    order, counts = arranged([batch], step, sources=SOURCES, source=SOURCE_OF, seed=seed)
    return order.starts.tolist(), counts


def test_the_first_rows_of_each_source_stay_in_their_order() -> None:
    assert taken(take(rows=2)) == ([0, 1, 2, 3], {"take.one": 2, "take.two": 2, "take.dropped": 4})


def test_only_the_sources_that_are_named_are_cut() -> None:
    assert taken(take(rows={"two": 1}))[0] == [0, 1, 2, 5]


def test_a_source_that_has_fewer_is_kept_whole() -> None:
    numbers, counts = taken(take(rows=4))
    assert numbers == [0, 1, 2, 3, 4, 5, 6]
    assert counts == {"take.one": 3, "take.two": 4, "take.dropped": 1}


def test_a_sample_is_decided_by_the_seed_and_keeps_its_order() -> None:
    sample = take(rows={"two": 2}, sample=True)
    found = {tuple(taken(sample, seed)[0]) for seed in range(40)}
    assert taken(sample) == taken(sample)
    assert len(found) == 10  # every two of five
    for numbers in found:
        assert list(numbers) == sorted(numbers)
        assert {0, 2, 5} < set(numbers)


def test_a_name_of_no_source_is_refused() -> None:
    with pytest.raises(ConfigError, match="rows: there is no source 'tow'; did you mean 'two'"):
        take(rows={"tow": 3}).verify([], SOURCES)


def test_it_is_refused_where_it_would_come_too_late() -> None:
    with pytest.raises(ConfigError, match="put it before `mix`, `shuffle`"):
        take(rows=3).verify([STEPS.get("shuffle")()], SOURCES)
    take(rows=3).verify([STEPS.get("deduplicate")(), take(rows=5)], SOURCES)


@pytest.mark.parametrize("count", [0, -1, {"one": 0}])
def test_no_rows_at_all_are_refused(count: Any) -> None:
    with pytest.raises(ValidationError):
        take(rows=count)
