"""The step `filter_pairs`: pairs that teach nothing are counted and dropped."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from helpers.step_batches import rows, stats
from penstock.errors import ConfigError, DataError
from penstock.steps import STEPS, Step


def filter_pairs(**options: Any) -> Step:
    return STEPS.get("filter_pairs").model_validate(options)


def kept(step: Step, *pairs: tuple[str, str]) -> tuple[list[int], Counter[str]]:
    counted = stats()
    made = step.apply(rows(*({"source": a, "target": b} for a, b in pairs)), counted)
    return list(made.numbers), counted.counts


def test_sides_that_say_the_same_are_dropped() -> None:
    pairs = [("A b.", "a  b"), ("a b", "b a"), ("né", "ne")]
    assert kept(filter_pairs(), *pairs) == (
        [1],
        {"filter_pairs.identical": 2, "filter_pairs.kept": 1},
    )
    assert kept(filter_pairs(normalise="none"), *pairs)[0] == [0, 1, 2]


def test_sides_of_unlike_length_are_dropped() -> None:
    step = filter_pairs(max_length_ratio=2)
    pairs = [("ab", "cdef"), ("ab", "cdefg"), ("cdefg", "ab"), ("", "a")]
    numbers, counts = kept(step, *pairs)
    assert numbers == [0]
    assert counts == {"filter_pairs.length_ratio": 3, "filter_pairs.kept": 1}


def test_sides_with_few_edits_are_dropped() -> None:
    pairs = [("a b c d", "a b c e"), ("a b c d", "a b e f"), ("A b", "a B c")]
    step = filter_pairs(identical="keep", min_edit=0.3)
    assert kept(step, *pairs) == ([1, 2], {"filter_pairs.edit": 1, "filter_pairs.kept": 2})
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
    assert counts == {
        "filter_pairs.strict.identical": 1,
        "filter_pairs.strict.length_ratio": 1,
        "filter_pairs.strict.edit": 1,
        "filter_pairs.strict.kept": 1,
    }


def test_dropping_more_than_the_share_ends_the_build() -> None:
    counts = Counter({"filter_pairs.identical": 3, "filter_pairs.kept": 7})
    filter_pairs(max_dropped=0.3).judge(counts)
    with pytest.raises(DataError, match=r"^filter_pairs: drops 3 of 10 pairs \(30.0%: identical 3"):
        filter_pairs(max_dropped=0.2).judge(counts)


def test_a_row_that_is_no_pair_is_bad() -> None:
    with pytest.raises(DataError, match=r":1: the field 'source' is absent; `filter_pairs` needs"):
        filter_pairs().apply(rows({"text": "a"}), stats())


@pytest.mark.parametrize(
    "options", [{"identical": "keep"}, {"min_edit": 0}, {"max_length_ratio": 0.5}, {"name": "a b"}]
)
def test_conditions_without_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        filter_pairs(**options)


def test_two_that_count_alike_are_refused_unless_their_sources_differ() -> None:
    first, second = filter_pairs(sources=["a", "b"]), filter_pairs(max_length_ratio=2)
    with pytest.raises(ConfigError, match=r"counts as filter_pairs, too; give each a `name`"):
        second.verify([first], ["a", "b", "c"])
    filter_pairs(sources=["c"]).verify([first], ["a", "b", "c"])
    filter_pairs(name="other").verify([first], ["a", "b", "c"])
