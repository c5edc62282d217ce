"""Problems of a row, each with its field, finding code and message."""

from __future__ import annotations

from typing import Any

import pytest

from helpers.task_cases import CASES
from penstock.formats import row_problems
from penstock.tasks import TASKS

ABSENT = object()


def problems(name: str, **changes: Any) -> list[tuple[str, str, str]]:
    """Return the problems of a task's valid row after some changes."""
    row = {k: v for k, v in (CASES[name].row | changes).items() if v is not ABSENT}
    return list(row_problems(TASKS.get(name), row))


@pytest.mark.parametrize("name", CASES)
def test_a_valid_row_has_no_problems(name: str) -> None:
    assert problems(name) == []
    assert problems(name, **CASES[name].unlabelled) == []


@pytest.mark.parametrize("name", CASES)
def test_every_field_is_required_and_not_null(name: str) -> None:
    for field in CASES[name].row:
        assert problems(name, **{field: ABSENT}) == [(field, "field-missing", "is missing")]
        ((wrong, code, message),) = problems(name, **{field: None})
        assert (wrong, code) == (field, "field-null")
        assert message.startswith("is null, must be ")


@pytest.mark.parametrize("name", CASES)
def test_an_unknown_field_is_reported(name: str) -> None:
    expected = [("extra", "field-extra", f"is not a field of {name}")]
    assert problems(name, extra=1) == expected


@pytest.mark.parametrize("name", CASES)
def test_empty_text_is_reported(name: str) -> None:
    for field in TASKS.get(name).text_fields:
        for empty in ("", " \n\t"):
            assert (field, "field-empty", "is empty") in problems(name, **{field: empty})


def arc(texts: list[str], labels: list[str]) -> dict[str, Any]:
    return {"choices": {"text": texts, "label": labels}}


@pytest.mark.parametrize(
    ("name", "changes", "problem"),
    [
        ("copa", {"label": 2}, "label: label-range: is 2, must be 0 (choice1), 1 (choice2)"),
        ("copa", {"label": -2}, "label: label-range: is -2, must be 0 (choice1), 1 (choice2)"),
        ("copa", {"label": "1"}, "label: field-type: is text, must be an integer"),
        ("copa", {"label": True}, "label: field-type: is true or false, must be an integer"),
        ("copa", {"idx": 1.0}, "idx: field-type: is a number, must be an integer"),
        ("copa", {"premise": ["a"]}, "premise: field-type: is a list, must be text"),
        (
            "copa",
            {"question": "why"},
            "question: field-value: is 'why', must be one of cause, effect",
        ),
        (
            "cb",
            {"label": 3},
            "label: label-range: is 3, must be 0 (entailment), 1 (contradiction), 2 (neutral)",
        ),
        ("boolq", {"answer": 1}, "answer: field-type: is an integer, must be true or false"),
        (
            "arcc_mc",
            {"answerKey": "D"},
            "answerKey: label-range: is 'D', must be one of 1, 2, 3",
        ),
        (
            "arcc_mc",
            arc(["a", "b"], ["A"]),
            "choices: field-empty: .label has 1 entries, must have at least 2",
        ),
        (
            "arcc_mc",
            arc(["a", "b"], ["1", "2", "3"]),
            "choices: field-value: has 2 texts and 3 labels",
        ),
        (
            "arcc_mc",
            arc(["a", "b"], ["A", "A"]),
            "choices: field-value: has a label twice: A, A",
        ),
        ("arcc_mc", arc(["a", ""], ["A", "B"]), "choices: field-empty: .text [1] is empty"),
        (
            "arcc_mc",
            {"choices": {"text": ["a", "b"]}},
            "choices: field-missing: .label is missing",
        ),
        (
            "arcc_mc",
            {"choices": {"text": ["a", "b"], "label": ["1", "2"], "x": 1}},
            "choices: field-extra: .x is not a known field",
        ),
        ("arcc_mc", {"choices": "a or b"}, "choices: field-type: is text, must be an object"),
        ("multirc", {"idx": 3}, "idx: field-type: is an integer, must be an object"),
        (
            "multirc",
            {"idx": {"paragraph": 0, "question": 0, "answer": "x"}},
            "idx: field-type: .answer is text, must be an integer",
        ),
        ("record", {"query": "no gap"}, "query: field-value: has no @placeholder"),
        (
            "record",
            {"entities": []},
            "entities: field-empty: has 0 entries, must have at least 1",
        ),
        (
            "record",
            {"answers": ["Carl"]},
            "answers: label-range: has no answer that is among the entities",
        ),
        (
            "squad",
            {"answers": {"text": ["a"], "answer_start": ["1"]}},
            "answers: field-type: .answer_start [0] is text, must be an integer",
        ),
        (
            "winogrande",
            {"answer": "3"},
            "answer: field-value: is '3', must be one of 1, 2, (empty)",
        ),
        (
            "winogrande",
            {"sentence": "_ and _"},
            "sentence: field-value: has 2 gaps (_), must have 1",
        ),
        ("wsc", {"span1_index": None}, "span1_index: field-null: is null, must be an integer"),
    ],
)
def test_an_invalid_field_is_reported_with_code_and_message(
    name: str, changes: dict[str, Any], problem: str
) -> None:
    assert [": ".join(found) for found in problems(name, **changes)] == [problem]


def test_every_problem_of_a_row_is_reported() -> None:
    assert problems("copa", premise=None, choice2=ABSENT, label=9, note="x") == [
        ("premise", "field-null", "is null, must be text"),
        ("choice2", "field-missing", "is missing"),
        ("label", "label-range", "is 9, must be 0 (choice1), 1 (choice2)"),
        ("note", "field-extra", "is not a field of copa"),
    ]


def test_fields_are_compared_only_if_each_is_valid() -> None:
    assert problems("arcc_mc", answerKey="Z", question=None) == [
        ("question", "field-null", "is null, must be text")
    ]


def test_a_long_invalid_value_is_abbreviated() -> None:
    ((_, _, message),) = problems("copa", question="why" * 1000)
    assert len(message) < 100
