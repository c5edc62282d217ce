"""The step `filter`: what fails is counted by its condition, and too much of it ends the build."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from helpers.step_batches import rows, stats, texts
from penstock.batches import RowBatch
from penstock.errors import DataError, StepError
from penstock.step_report import StepReport
from penstock.steps import STEPS


def apply(batch: RowBatch, **options: Any) -> tuple[list[int], dict[str, int]]:
    """Return the numbers of the kept rows, and the dropped rows by reason."""
    counted = stats(skip=True)
    made = STEPS.get("filter").model_validate(options).apply(batch, counted)
    return list(made.numbers), counted.current.dropped


def test_each_condition_counts_what_it_drops() -> None:
    batch = texts("é", "two words", "x" * 30, "a b c d", "just right")
    kept, counts = apply(batch, min_characters=2, max_characters=20, min_words=2, max_words=3)
    assert kept == [1, 4]
    assert counts == {
        "too_short": 1,
        "too_long": 1,
        "too_many_words": 1,
    }


def test_a_row_counts_once_under_the_first_condition_that_it_fails() -> None:
    assert apply(texts("a"), min_characters=5, min_words=2)[1] == {"too_short": 1}


def test_limits_are_inclusive() -> None:
    assert apply(texts("abc"), min_characters=3, max_characters=3, min_words=1, max_words=1)[0] == [
        0
    ]


def test_columns_follow_the_rows() -> None:
    import numpy as np

    batch = texts("a", "abc")
    batch.columns["split"] = np.array([1, 2], np.uint8)
    made = STEPS.get("filter").model_validate({"min_characters": 2}).apply(batch, stats())
    assert made.columns["split"].tolist() == [2]


def test_languages_are_kept_by_a_field() -> None:
    batch = rows({"meta": {"lang": "en"}}, {"meta": {"lang": "fr"}}, {"meta": {"lang": "de"}})
    kept, counts = apply(batch, language={"field": "meta.lang", "keep": ["en", "de"]})
    assert kept == [0, 2]
    assert counts == {"language": 1}


def test_a_condition_on_metadata_decides() -> None:
    batch = rows({"type": "ED Note", "age": 3}, {"type": "ED Note", "age": 900}, {"type": "x"})
    kept, counts = apply(batch, where='type == "ED Note" and age < 365')
    assert kept == [0]
    assert counts == {"where": 2}


@pytest.mark.parametrize(
    ("options", "row", "reason"),
    [
        ({"where": "age < 3"}, {}, "the field 'age' is absent; `filter` needs it"),
        ({"where": "age < 3"}, {"age": "secret"}, "text is compared with a number, in `age < 3`"),
        ({"language": {"field": "l", "keep": ["en"]}}, {}, "the field 'l' is absent"),
        ({"language": {"field": "l", "keep": ["en"]}}, {"l": None}, "the field 'l' is null"),
    ],
)
def test_a_row_that_cannot_be_asked_is_bad_and_named(
    options: dict[str, Any], row: dict[str, Any], reason: str
) -> None:
    step = STEPS.get("filter").model_validate(options)
    with pytest.raises(DataError) as refused:
        step.apply(rows(row), stats())
    assert str(refused.value).startswith(f"input.jsonl:1: {reason}")
    assert "secret" not in str(refused.value)


def test_dropping_more_than_the_share_ends_the_build() -> None:
    step = STEPS.get("filter").model_validate({"min_characters": 20, "min_words": 2})
    step.check_report(StepReport("filter", 5, {"too_short": 5}))
    with pytest.raises(StepError) as refused:
        step.check_report(StepReport("filter", 4, {"too_short": 5, "too_few_words": 1}))
    assert str(refused.value) == (
        "6 of 10 documents dropped (60.0%: too_short 5, too_few_words 1), more than {setting} "
        "allows (50.0%); check the input, or raise {setting}"
    )
    assert refused.value.setting == "max_dropped"


def test_nothing_read_is_nothing_dropped() -> None:
    STEPS.get("filter").model_validate({"min_characters": 20}).check_report(StepReport("filter"))


def test_a_filter_can_have_a_name_for_reports() -> None:
    named = STEPS.get("filter").model_validate({"min_words": 1, "name": "words"})
    assert named.report_name == "words"
    counted = stats()
    named.apply(texts("", ""), counted)
    assert counted.current.dropped == {"too_few_words": 2}
    with pytest.raises(StepError, match="2 of 2 documents dropped"):
        named.check_report(counted.current)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "has no condition; give min_characters"),
        ({"min_words": 3, "max_words": 2}, "`min_words` 3 is above `max_words` 2"),
        ({"where": "age <"}, "not a condition (column "),
        ({"language": {"field": "lang", "keep": []}}, "at least 1 item"),
    ],
)
def test_options_without_sense_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as refused:
        STEPS.get("filter").model_validate(options)
    assert message in str(refused.value)
