"""The step `filter`: what fails is counted by its condition, and too much of it ends the build."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from pydantic import ValidationError

from helpers.step_batches import rows, stats, texts
from penstock.batches import RowBatch
from penstock.errors import DataError
from penstock.steps import STEPS


def apply(batch: RowBatch, **options: Any) -> tuple[list[int], dict[str, int]]:
    """Return the numbers of the rows that are kept, and the counts."""
    counted = stats(skip=True)
    made = STEPS.get("filter").model_validate(options).apply(batch, counted)
    return list(made.numbers), dict(counted.counts)


def test_each_condition_counts_what_it_drops() -> None:
    batch = texts("é", "two words", "x" * 30, "a b c d", "just right")
    kept, counts = apply(batch, min_characters=2, max_characters=20, min_words=2, max_words=3)
    assert kept == [1, 4]
    assert counts == {
        "filter.too_short": 1,
        "filter.too_long": 1,
        "filter.too_many_words": 1,
        "filter.kept": 2,
    }


def test_a_row_counts_once_under_the_first_condition_that_it_fails() -> None:
    assert apply(texts("a"), min_characters=5, min_words=2)[1] == {"filter.too_short": 1}


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
    assert counts == {"filter.kept": 2, "filter.language": 1}


def test_a_condition_on_metadata_decides() -> None:
    batch = rows({"type": "ED Note", "age": 3}, {"type": "ED Note", "age": 900}, {"type": "x"})
    kept, counts = apply(batch, where='type == "ED Note" and age < 365')
    assert kept == [0]
    assert counts == {"filter.kept": 1, "filter.where": 2}


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
    step.judge(Counter({"filter.too_short": 5, "filter.kept": 5}))
    with pytest.raises(DataError) as refused:
        step.judge(Counter({"filter.too_short": 5, "filter.too_few_words": 1, "filter.kept": 4}))
    assert str(refused.value) == (
        "filter: drops 6 of 10 documents (60.0%: too_short 5, too_few_words 1), more than "
        "max_dropped (50.0%); loosen the condition, or raise `max_dropped`"
    )


def test_nothing_read_is_nothing_dropped() -> None:
    STEPS.get("filter").model_validate({"min_characters": 20}).judge(Counter())


def test_a_named_filter_is_counted_and_judged_by_itself() -> None:
    named = STEPS.get("filter").model_validate({"min_words": 1, "name": "words"})
    counted = stats()
    named.apply(texts("", ""), counted)
    assert counted.counts == {"filter.words.too_few_words": 2}
    with pytest.raises(DataError, match=r"^filter\.words: drops 2 of 2 documents"):
        named.judge(counted.counts + Counter({"filter.kept": 100}))


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
