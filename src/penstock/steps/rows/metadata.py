"""The step `metadata`: put fields of a document before its text."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cached_property, partial
from typing import Any, Literal

from pydantic import Field

from penstock.batches import RowBatch, RowStats
from penstock.fields import find
from penstock.steps._base import RowStep
from penstock.steps._fields import UnusableError, map_rows, problem_with, text_of, value_as_text
from penstock.templates import Parsed, Template, parse_template


class Metadata(RowStep):
    """Put a template, filled with fields of the row, before the text.

    Text is inserted as it is; numbers, true and false as in JSON; dates and times in ISO form. NaN
    is null. Lists and objects are refused.
    """

    template: Template = Field(
        min_length=1,
        description="The text to insert: {field} or {field.inner} is replaced by the value, {{ "
        "and }} are braces.",
    )
    absent: Literal["error", "empty", "drop_line"] = Field(
        "error",
        description="If a field is absent or null. error: the row is bad; empty: insert nothing; "
        "drop_line: leave out that line of the template.",
    )

    def apply(self, batch: RowBatch, stats: RowStats) -> RowBatch:
        fill = partial(self._with_metadata, stats=stats)
        batch, rows = map_rows(batch, stats, fill, "see `metadata`")
        return replace(batch, rows=rows)

    def _with_metadata(self, row: dict[str, Any], stats: RowStats) -> dict[str, Any]:
        return {**row, "text": self._fill(row, stats) + text_of(row, "text")}

    def _fill(self, row: dict[str, Any], stats: RowStats) -> str:
        text = []
        for line in self._lines:
            filled = []
            for literal, name in line:
                filled.append(literal)
                value = "" if name is None else self._value(row, name)
                if value is None:
                    stats.note("absent")
                    if self.absent == "drop_line":
                        break
                    value = ""
                filled.append(value)
            else:
                text += filled
        return "".join(text)

    def _value(self, row: dict[str, Any], name: str) -> str | None:
        """Return a field as text, None for an absent or null field if that is allowed."""
        value = value_as_text(row, name, "metadata")
        if value is None and self.absent == "error":
            raise UnusableError(
                f"{problem_with(find(row, name), name)}; `absent: empty` or `absent: drop_line` "
                "accepts such rows"
            )
        return value

    @cached_property
    def _lines(self) -> list[Parsed]:
        return [parse_template(line) for line in re.split(r"(?<=\n)", self.template)]


STEP = Metadata
