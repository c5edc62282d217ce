"""The step `metadata`: fields before the text, and nothing but fields."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from helpers.step_batches import rows, stats
from penstock.batches import RowBatch
from penstock.errors import DataError
from penstock.steps import STEPS

TEMPLATE = "Type: {type}\nDate: {note.date}\n\n"
WHOLE = {"text": "Came in.", "type": "ED Note", "note": {"date": "2009-08-30"}}


def apply(template: str, *given_: dict[str, Any], skip: bool = False, **options: Any) -> RowBatch:
    """Return the batch that the step makes of some rows."""
    step = STEPS.get("metadata").model_validate({"template": template, **options})
    made = step.apply(rows(*given_), stats(skip))
    assert isinstance(made, RowBatch)
    return made


def test_fields_stand_before_the_text() -> None:
    made = apply(TEMPLATE, WHOLE)
    assert made.rows == [{**WHOLE, "text": "Type: ED Note\nDate: 2009-08-30\n\nCame in."}]


def test_the_rows_that_come_in_stay_as_they_are() -> None:
    batch = rows(WHOLE)
    STEPS.get("metadata").model_validate({"template": TEMPLATE}).apply(batch, stats())
    assert batch.rows == [WHOLE]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (237, "237"),
        (1.5, "1.5"),
        (True, "true"),
        ("{x}", "{x}"),
        ("", ""),
        (date(2009, 8, 30), "2009-08-30"),
    ],
)
def test_values_are_written_plainly(value: object, text: str) -> None:
    assert apply("{v}|", {"text": "t", "v": value}).rows[0]["text"] == f"{text}|t"


def test_a_field_of_the_dotted_name_itself_comes_first() -> None:
    row = {"a.b": "outer", "a": {"b": "inner"}}
    assert apply("{a.b}", row).rows[0]["text"] == "outer"


def test_double_braces_are_braces() -> None:
    assert apply("{{{v}}} }}{{", {"v": 1, "text": "t"}).rows[0]["text"] == "{1} }{t"


@given(st.text().map(lambda text: text.replace("{", "{{").replace("}", "}}")).filter(bool))
def test_what_is_no_field_stands_as_it_is(template: str) -> None:
    plain = template.replace("{{", "{").replace("}}", "}")
    for absent in ("error", "drop_line"):
        assert apply(template, {"text": "t"}, absent=absent).rows[0]["text"] == f"{plain}t"


@pytest.mark.parametrize(
    "row",
    [
        {"type": "ED Note"},
        {"type": "ED Note", "note": {"date": None}},
        {"type": "ED Note", "note": {"date": float("nan")}},
        {"type": "ED Note", "note": b"date"},
    ],
)
def test_an_absent_or_null_field_is_a_bad_row(row: dict[str, Any]) -> None:
    with pytest.raises(DataError) as refused:
        apply(TEMPLATE, WHOLE, {"text": "secret", **row})
    assert str(refused.value).startswith("input.jsonl:2: the field 'note.date' is ")
    assert "`absent: drop_line`" in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_list_is_a_bad_row() -> None:
    with pytest.raises(DataError, match="the field 'v' is a list; the template of `metadata`"):
        apply("{v}", {"v": ["secret"]})


def test_bad_rows_are_left_out_where_they_are_skipped() -> None:
    made = apply(TEMPLATE, {"type": "x"}, WHOLE, skip=True)
    assert len(made) == 1
    assert made.numbers == [1]


@pytest.mark.parametrize(
    ("absent", "text"),
    [("empty", "Type: \nDate: d (A)\nCame in."), ("drop_line", "Date: d (A)\nCame in.")],
)
def test_absent_fields_can_be_done_without_and_are_counted(absent: str, text: str) -> None:
    step = STEPS.get("metadata").model_validate(
        {"template": "Type: {type}\nDate: {date} ({ward})\n", "absent": absent}
    )
    counted = stats()
    made = step.apply(rows({"text": "Came in.", "date": "d", "ward": "A"}), counted)
    assert isinstance(made, RowBatch)
    assert made.rows[0]["text"] == text
    assert counted.current.noted == {"absent": 1}


@pytest.mark.parametrize(
    "template",
    [
        "{a!r}",
        "{a:>10}",
        "{a[0]}",
        "{}",
        "{a.}",
        "{.a}",
        "{a()}",
        "{a{b}}",
        "{",
        "}",
        "a } b",
        "{0!s}",
    ],
)
def test_format_tricks_are_refused_with_the_mend(template: str) -> None:
    with pytest.raises(ValidationError) as refused:
        STEPS.get("metadata").model_validate({"template": template})
    assert "for a brace" in str(refused.value) or "'{{' and '}}' for braces" in str(refused.value)


@pytest.mark.parametrize(
    "template", ["{text.__class__}", "{__class__}", "{a.__init__.__globals__}"]
)
def test_attributes_are_out_of_reach(template: str) -> None:
    with pytest.raises(DataError, match="is absent"):
        apply(template, {"a": {}})
