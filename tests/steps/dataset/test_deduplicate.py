"""The step `deduplicate`: the first of equal rows is kept, over splits and batches."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from helpers.step_batches import rows, run_steps, stats, texts
from penstock.batches import RowBatch
from penstock.errors import DataError, StepError
from penstock.steps import STEPS, Step


def step(**options: Any) -> Step:
    """Return a step that may drop any share."""
    return STEPS.get("deduplicate").model_validate({"max_dropped": 1, **options})


def deduplicated(batches: list[RowBatch], *steps: Step) -> tuple[list[int], int]:
    """Return the numbers of the remaining rows, and how many rows the last step dropped."""
    order, reports, _ = run_steps(batches, *steps)
    assert list(order.columns) == ["source"]
    return order.starts.tolist(), reports["deduplicate"].total_dropped


@given(st.lists(st.lists(st.sampled_from(["a", "b", "A", " a ", ""]), max_size=5), min_size=1))
def test_the_first_of_equal_texts_is_kept_in_any_batch(batches: list[list[str]]) -> None:
    flat = [text for batch in batches for text in batch]
    kept, dropped = deduplicated([texts(*batch) for batch in batches], step())
    assert kept == sorted({flat.index(text) for text in flat})
    assert dropped == len(flat) - len(kept)


@pytest.mark.parametrize(
    ("normalise", "kept"),
    [("none", [0, 1, 2, 3, 4, 5]), ("whitespace", [0, 2, 3, 4, 5]), ("nfkc_casefold", [0, 3])],
)
def test_texts_are_compared_as_normalised(normalise: str, kept: list[int]) -> None:
    batch = texts("Maße ﬁn", " Maße\u00a0\n ﬁn ", "MASSE ﬁn", "x", "masse FIN", "MASSE\u3000fin")
    assert deduplicated([batch], step(normalise=normalise))[0] == kept


def test_text_is_normalised_again_after_case_folding() -> None:
    # Folded, one is iota, dialytika, tonos; the other iota with dialytika, tonos.
    batch = texts("\u0390", "\u03aa\u0301")
    assert deduplicated([batch], step(normalise="nfkc_casefold"))[0] == [0]


def test_chosen_fields_are_compared_and_their_bytes_are_not_joined() -> None:
    batch = rows(
        {"a": "x", "b": "yz"}, {"a": "xy", "b": "z"}, {"a": "x", "b": "yz"},
        {"a": 1, "b": {"c": 2}}, {"a": "1", "b": {"c": 2}}, {"a": 1, "b": {"c": 2}},
    )  # fmt: skip
    assert deduplicated([batch], step(on=["a", "b"]))[0] == [0, 1, 3, 4]


def test_numbers_are_equal_by_their_value_and_never_equal_text() -> None:
    keys = [17, "17", 17.0, "17.0", 17.5, True, 1, [1], [1.0], -0.0, 0, 2.0**70, 2.0**80]
    batch = rows(*({"id": key} for key in keys))
    assert deduplicated([batch], step(on="id"))[0] == [0, 1, 3, 4, 5, 6, 7, 9, 11, 12]


def test_several_steps_work_independently() -> None:
    batch = rows({"text": "a", "id": 1}, {"text": "b", "id": 1}, {"text": "b", "id": 2})
    assert deduplicated([batch], step(), step(on="id"))[0] == [0]
    assert deduplicated([batch], step(on="id"), step())[0] == [0, 2]
    assert deduplicated([batch], step(), step())[0] == [0, 1]


def test_it_looks_across_splits() -> None:
    assert STEPS.get("deduplicate").capabilities.across_splits


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({}, "is absent"),
        ({"id": None}, "is null"),
        ({"id": float("nan")}, "is null"),
        ({"id": b"1"}, "is a value of the type bytes"),
        ({"id": float("inf")}, "is infinite"),
        ({"id": {1}}, "is a value of"),
    ],
)
def test_a_field_that_cannot_be_compared_is_a_bad_row(row: dict[str, Any], reason: str) -> None:
    with pytest.raises(DataError, match=f"input.jsonl:2: the field 'id' {reason}"):
        step(on="id").measure(rows({"id": 1}, row), stats())
    made, _ = step(on="id").measure(rows({"id": 1}, row, {"id": 2}), stats(skip=True))
    assert made.numbers == [0, 2]


def test_dropping_more_than_the_share_ends_the_build() -> None:
    with pytest.raises(StepError) as refused:
        deduplicated([texts("a", "a", "a", "b")], step(max_dropped=0.4))
    assert str(refused.value) == (
        "2 of 4 rows dropped (50.0%: repeated 2), more than {setting} allows (40.0%); check the "
        "input, or raise {setting}"
    )
    assert refused.value.setting == "max_dropped"


@pytest.mark.parametrize("on", [[], "", ["a", "a"], ["a", ""]])
def test_invalid_fields_are_refused(on: object) -> None:
    with pytest.raises(ValidationError):
        step(on=on)


SIDES = st.sampled_from(["a", "b", "ab"])


@given(st.lists(st.tuples(SIDES, SIDES), min_size=1, max_size=12))
def test_unordered_fields_are_compared_in_either_order(pairs: list[tuple[str, str]]) -> None:
    batch = rows(*({"source": one, "target": other} for one, other in pairs))
    found = [tuple(sorted(pair)) for pair in pairs]
    kept, _ = deduplicated([batch], step(on=["source", "target"], unordered=True))
    assert kept == sorted({found.index(pair) for pair in found})


@pytest.mark.parametrize("on", ["text", ["text"]])
def test_unordered_needs_two_fields(on: object) -> None:
    with pytest.raises(ValidationError, match="`unordered` needs two fields or more"):
        step(on=on, unordered=True)
