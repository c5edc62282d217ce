"""The step `metadata`: chosen fields of a document put before its text."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cached_property, partial
from typing import Any, Literal

from pydantic import Field

from penstock.batches import RowBatch, RowStats, TokenBatch
from penstock.fields import find
from penstock.steps._base import Stage, Step
from penstock.steps._fields import UnusableError, made_of_rows, problem_with, text_of
from penstock.steps._template import Parsed, Template, parse_template, value_as_text


class Metadata(Step):
    """Put a template, filled in from the fields of the row, before the text.

    Text goes in as it is; numbers, true and false as JSON writes them; dates and times in ISO form.
    NaN is null. A list or an object does not go in.
    """

    takes = Stage.ROWS
    gives = Stage.ROWS

    template: Template = Field(
        min_length=1,
        description="What goes before the text: {field} or {field.inner} stands for a value, "
        "{{ and }} for braces.",
    )
    absent: Literal["error", "empty", "drop_line"] = Field(
        "error",
        description="What to do where a field is absent or null. error: the row is bad; empty: "
        "nothing stands in its place; drop_line: the line of the template is left out.",
    )

    def apply(self, batch: RowBatch | TokenBatch, stats: RowStats) -> RowBatch:
        """Return the rows with the filled template before their text."""
        assert isinstance(batch, RowBatch)
        filled = partial(self._filled, stats=stats)
        batch, rows = made_of_rows(batch, stats, filled, "see `metadata`")
        stats.count("metadata.rows", len(rows))
        return replace(batch, rows=rows)

    def _filled(self, row: dict[str, Any], stats: RowStats) -> dict[str, Any]:
        return {**row, "text": self._fill(row, stats) + text_of(row, "text")}

    def _fill(self, row: dict[str, Any], stats: RowStats) -> str:
        text = []
        for line in self._lines:
            filled = []
            for literal, name in line:
                filled.append(literal)
                value = "" if name is None else self._value(row, name)
                if value is None:
                    stats.count("metadata.absent")
                    if self.absent == "drop_line":
                        break
                    value = ""
                filled.append(value)
            else:
                text += filled
        return "".join(text)

    def _value(self, row: dict[str, Any], name: str) -> str | None:
        """Return a field as text; None where it is absent or null and that is allowed."""
        value = value_as_text(row, name, "metadata")
        if value is None and self.absent == "error":
            raise UnusableError(
                f"{problem_with(find(row, name), name)}; `absent: empty` or `absent: drop_line` "
                "does without"
            )
        return value

    @cached_property
    def _lines(self) -> list[Parsed]:
        """The template by lines, each as literals with the field that follows, if one does."""
        return [parse_template(line) for line in re.split(r"(?<=\n)", self.template)]


STEP = Metadata
