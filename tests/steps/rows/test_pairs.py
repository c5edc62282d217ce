"""The step `pairs`: two sides and a label, stripped, and what is none is named."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from helpers.step_batches import rows, stats
from penstock.batches import RowBatch
from penstock.errors import DataError, StepError
from penstock.step_report import StepReport
from penstock.steps import STEPS, Step

PAWS = {"source": "sentence1", "target": "sentence2", "label": "label"}


def pairs(**options: Any) -> Step:
    return STEPS.get("pairs").model_validate(options)


def made(step: Step, *each: dict[str, Any], skip: bool = False) -> RowBatch:
    batch = step.apply(RowBatch(list(each), range(len(each))), stats(skip))
    assert isinstance(batch, RowBatch)
    return batch


def test_two_fields_and_a_label_become_a_pair_with_what_else_there_is() -> None:
    row = {"id": "7", "sentence1": " a b\r\n", "sentence2": "c\n d", "label": "1"}
    [pair] = made(pairs(**PAWS), row).rows
    assert pair == {"source": "a b", "target": "c\n d", "label": 1, "id": "7"}
    assert list(pair) == ["source", "target", "label", "id"]
    [chosen] = made(pairs(**PAWS, metadata=[]), row).rows
    assert chosen == {"source": "a b", "target": "c\n d", "label": 1}


def test_fields_may_lie_within_others_and_a_pair_needs_no_label() -> None:
    row = {"text": {"from": "a", "to": "b"}, "id": 1}
    [pair] = made(pairs(source="text.from", target="text.to", metadata=["id"]), row).rows
    assert pair == {"source": "a", "target": "b", "id": 1}


@pytest.mark.parametrize(
    ("value", "label"), [("1", 1), ("0", 0), (1, 1), (0, 0), (True, 1), (False, 0), (1.0, 1)]
)
def test_a_label_is_one_or_zero(value: object, label: int) -> None:
    [pair] = made(pairs(label="label"), {"source": "a", "target": "b", "label": value}).rows
    assert pair["label"] == label
    assert type(pair["label"]) is int


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"label": "yes"}, "the field 'label' is text, must be 0 or 1; name another field as"),
        ({"label": 2}, "the field 'label' is a number, must be 0 or 1"),
        ({"label": -1}, "the field 'label' is a number, must be 0 or 1"),
        ({"label": ""}, "the field 'label' is text, must be 0 or 1"),
        ({"label": None}, "the field 'label' is null"),
        ({"source": " \t"}, "the field 'source' is empty; fix the row, or drop such rows"),
        ({"target": None}, "the field 'target' is empty; fix the row"),
        ({"target": 5}, "the field 'target' is a number, must be text"),
    ],
)
def test_what_is_no_pair_is_named_by_line_and_field(change: dict[str, Any], said: str) -> None:
    good = {"source": "a", "target": "b", "label": 0}
    with pytest.raises(DataError) as caught:
        made(pairs(label="label"), good, {**good, **change})
    assert str(caught.value).startswith(f"input.jsonl:2: {said}")
    assert made(pairs(label="label"), {**good, **change}, good, skip=True).numbers == [1]


def test_a_row_without_a_side_is_named() -> None:
    with pytest.raises(DataError, match=r"input\.jsonl:1: the field 'sentence1' is absent"):
        made(pairs(**PAWS), {"source": "a", "target": "b"})


def test_a_field_that_has_the_name_of_a_side_is_refused() -> None:
    row = {"source": "wiki", "sentence1": "a", "sentence2": "b", "label": 1}
    with pytest.raises(DataError, match="has another field 'source' beside the pair; list"):
        made(pairs(**PAWS), row)
    assert made(pairs(**PAWS, metadata=[]), row).rows[0]["source"] == "a"


def test_short_and_empty_sides_are_dropped_and_counted() -> None:
    counted = stats()
    step = pairs(min_characters=3, empty="drop")
    batch = rows(
        {"source": "abc", "target": "abc"},
        {"source": "abc", "target": " ab "},
        {"source": "", "target": "abc"},
        {"source": "abcd", "target": None},
    )
    assert step.apply(batch, counted).numbers == [0]
    assert counted.current.dropped == {"too_short": 1, "empty": 2}
    detail = "a side of the pair is empty"
    assert counted.dropped_rows == [("input.jsonl", 3, detail), ("input.jsonl", 4, detail)]
    assert counted.errors == []


def test_dropping_more_than_the_share_ends_the_build() -> None:
    report = StepReport("pairs", 6, {"too_short": 3, "empty": 1, "unusable": 9})
    pairs(max_dropped=0.4).check_report(report)
    with pytest.raises(StepError) as caught:
        pairs(max_dropped=0.39).check_report(report)
    assert str(caught.value) == (
        "4 of 10 pairs dropped (40.0%: too_short 3, empty 1), more than {setting} allows (39.0%); "
        "check the input, or raise {setting}"
    )


@pytest.mark.parametrize(
    "options", [{"metadata": ["label"]}, {"source": "a", "target": "a"}, {"label": "source"}]
)
def test_names_that_meet_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        pairs(**options)
