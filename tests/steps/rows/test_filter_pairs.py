"""The step `filter_pairs`: pairs that teach nothing are counted and dropped."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from helpers.step_batches import rows, run_steps, stats
from penstock.errors import DataError, StepError
from penstock.step_report import StepReport
from penstock.steps import STEPS, Step


def filter_pairs(**options: Any) -> Step:
    return STEPS.get("filter_pairs").model_validate(options)


def kept(step: Step, *pairs: tuple[str, str]) -> tuple[list[int], dict[str, int]]:
    counted = stats()
    made = step.apply(rows(*({"source": a, "target": b} for a, b in pairs)), counted)
    return list(made.numbers), counted.current.dropped


def test_sides_that_say_the_same_are_dropped() -> None:
    pairs = [("A b.", "a  b"), ("a b", "b a"), ("né", "ne")]
    assert kept(filter_pairs(), *pairs) == (
        [1],
        {"identical": 2},
    )
    assert kept(filter_pairs(normalise="none"), *pairs)[0] == [0, 1, 2]


def test_sides_of_unlike_length_are_dropped() -> None:
    step = filter_pairs(max_length_ratio=2)
    pairs = [("ab", "cdef"), ("ab", "cdefg"), ("cdefg", "ab"), ("", "a")]
    numbers, counts = kept(step, *pairs)
    assert numbers == [0]
    assert counts == {"length_ratio": 3}


def test_sides_with_few_edits_are_dropped() -> None:
    pairs = [("a b c d", "a b c e"), ("a b c d", "a b e f"), ("A b", "a B c")]
    step = filter_pairs(identical="keep", min_edit=0.3)
    assert kept(step, *pairs) == ([1, 2], {"edit": 1})
    characters = filter_pairs(identical="keep", min_edit=0.5, edit_of="characters")
    assert kept(characters, ("abcd", "abce"), ("abcd", "abef"))[0] == [1]


WORDS = st.lists(st.sampled_from("abc"), max_size=6)


def edits(one: list[str], other: list[str]) -> int:
    """Return the Levenshtein distance by the book."""
    before = list(range(len(other) + 1))
    for row, left in enumerate(one, 1):
        now = [row]
        for column, right in enumerate(other, 1):
            change = before[column - 1] + (left != right)
            now.append(min(before[column] + 1, now[-1] + 1, change))
        before = now
    return before[-1]


@given(WORDS, WORDS, st.floats(0.01, 1))
def test_the_edit_distance_is_that_of_words_by_the_longer_side(
    one: list[str], other: list[str], least: float
) -> None:
    share = edits(one, other) / max(len(one), len(other), 1)
    step = filter_pairs(identical="keep", min_edit=least)
    assert bool(kept(step, (" ".join(one), " ".join(other)))[0]) == (share >= least)


def test_a_pair_that_fails_twice_is_counted_once() -> None:
    step = filter_pairs(max_length_ratio=1, min_edit=1, name="strict")
    numbers, counts = kept(step, ("a .", "a"), ("abc", "x"), ("a b", "a c"), ("ab", "cd"))
    assert numbers == [3]
    assert counts == {"identical": 1, "length_ratio": 1, "edit": 1}


def test_dropping_more_than_the_share_ends_the_build() -> None:
    report = StepReport("filter_pairs", 7, {"identical": 3})
    filter_pairs(max_dropped=0.3).check_report(report)
    with pytest.raises(StepError, match=r"^3 of 10 pairs dropped \(30.0%: identical 3"):
        filter_pairs(max_dropped=0.2).check_report(report)


def test_a_row_that_is_no_pair_is_bad() -> None:
    with pytest.raises(DataError, match=r":1: the field 'source' is absent; `filter_pairs` needs"):
        filter_pairs().apply(rows({"text": "a"}), stats())


@pytest.mark.parametrize(
    "options", [{"identical": "keep"}, {"min_edit": 0}, {"max_length_ratio": 0.5}, {"name": "a b"}]
)
def test_conditions_without_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        filter_pairs(**options)


def test_each_step_has_its_own_threshold_over_the_rows_that_it_is_given() -> None:
    pairs = rows(*({"source": "a b", "target": t} for t in ("a b", "c d", "a b c d e f")))
    for name, limit in (("first", 0.4), ("second", 0.6)):
        step = filter_pairs(name=name, max_dropped=limit)
        assert step.report_name == name
    order, _, _ = run_steps(
        [pairs], filter_pairs(max_dropped=0.4), filter_pairs(identical="keep", max_length_ratio=2)
    )
    assert order.starts.tolist() == [1]
    with pytest.raises(StepError, match=r"1 of 2 pairs dropped \(50.0%: length_ratio 1"):
        run_steps(
            [pairs],
            filter_pairs(max_dropped=0.4),
            filter_pairs(identical="keep", max_length_ratio=2, max_dropped=0.4),
        )
