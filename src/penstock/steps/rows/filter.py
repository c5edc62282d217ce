"""The step `filter`: keep the documents that meet every condition."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

from pydantic import Field, field_validator, model_validator

from penstock.config import Options
from penstock.fields import MISSING, find, kind_of
from penstock.steps._base import Condition, FilteringStep
from penstock.steps._fields import text_of
from penstock.steps.rows._expressions import EvaluationError, compile_condition

Row = dict[str, Any]


class Language(Options):
    """The languages to keep, by a field that holds the language of each row."""

    field: str = Field(min_length=1, description="The field that holds the language.")
    keep: list[str] = Field(min_length=1, description="The languages to keep: [en, de].")


class Filter(FilteringStep):
    """Keep the documents that meet every condition.

    A dropped document is counted under the first condition that it fails, in the order of the
    options below. Characters are Unicode code points; words are separated by white space.
    """

    step_name = "filter"
    unit = "document"

    min_characters: int | None = Field(None, ge=0, description="The minimum length of the text.")
    max_characters: int | None = Field(None, ge=0, description="The maximum length of the text.")
    min_words: int | None = Field(None, ge=0, description="The minimum number of words.")
    max_words: int | None = Field(None, ge=0, description="The maximum number of words.")
    language: Language | None = Field(None, description="The languages to keep.")
    where: str | None = Field(
        None, description='A condition on the fields of the row: type == "ED Note" and age < 365.'
    )

    @field_validator("where")
    @classmethod
    def _is_a_condition(cls, where: str | None) -> str | None:
        if where is not None:
            compile_condition(where)
        return where

    @model_validator(mode="after")
    def _has_conditions_that_can_be_met(self) -> Filter:
        if not self.conditions:
            raise ValueError(
                "has no condition; give min_characters, max_characters, min_words, max_words, "
                "language or where"
            )
        for unit in ("characters", "words"):
            least, most = getattr(self, f"min_{unit}"), getattr(self, f"max_{unit}")
            if least is not None and most is not None and least > most:
                raise ValueError(f"`min_{unit}` {least} is above `max_{unit}` {most}")
        return self

    @cached_property
    def conditions(self) -> list[Condition]:
        conditions: list[Condition] = []
        if (min_characters := self.min_characters) is not None:
            conditions.append(("too_short", lambda row: len(_text(row)) >= min_characters))
        if (max_characters := self.max_characters) is not None:
            conditions.append(("too_long", lambda row: len(_text(row)) <= max_characters))
        if (min_words := self.min_words) is not None:
            conditions.append(("too_few_words", lambda row: _has_words(row, min_words)))
        if (max_words := self.max_words) is not None:
            conditions.append(("too_many_words", lambda row: not _has_words(row, max_words + 1)))
        if self.language is not None:
            conditions.append(("language", _language_test(self.language)))
        if self.where is not None:
            conditions.append(("where", compile_condition(self.where)))
        return conditions


def _has_words(row: Row, least: int) -> bool:
    """Return True if a text has at least so many words, without splitting the rest."""
    return not least or len(_text(row).split(None, least - 1)) >= least


def _text(row: Row) -> str:
    return text_of(row, "text")


def _language_test(language: Language) -> Callable[[Row], bool]:
    keep = frozenset(language.keep)

    def is_kept(row: Row) -> bool:
        value = find(row, language.field)
        if value is MISSING:
            raise EvaluationError(f"the field '{language.field}' is absent")
        if not isinstance(value, str):
            raise EvaluationError(f"the field '{language.field}' is {kind_of(value)}, not text")
        return value in keep

    return is_kept


STEP = Filter
