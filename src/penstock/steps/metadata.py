"""The step `metadata`: chosen fields of a document put before its text."""

from __future__ import annotations

import re
from datetime import date
from functools import cached_property
from typing import Any, Literal

from pydantic import Field, field_validator

from penstock.batches import RowBatch, Tally, TokenBatch
from penstock.fields import MISSING, find, kind_of
from penstock.steps._base import Stage, Step
from penstock.steps._fields import UnusableError, is_null, problem_with, text_of

_FIELD = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_NAME = re.compile(r"\w[\w -]*(\.\w[\w -]*)*")


class Metadata(Step):
    """Put a template, filled in from the fields of the row, before the text.

    Text goes in as it is; numbers, true and false as JSON writes them; dates and times in ISO form.
    NaN is null. A list or an object does not go in.
    """

    takes = Stage.ROWS
    gives = Stage.ROWS

    template: str = Field(
        min_length=1,
        description="What goes before the text: {field} or {field.inner} stands for a value, "
        "{{ and }} for braces.",
    )
    absent: Literal["error", "empty", "drop_line"] = Field(
        "error",
        description="What to do where a field is absent or null. error: the row is bad; empty: "
        "nothing stands in its place; drop_line: the line of the template is left out.",
    )

    @field_validator("template")
    @classmethod
    def _has_plain_fields(cls, template: str) -> str:
        for match in _FIELD.finditer(template):
            if match[0] in ("{", "}"):
                raise ValueError(f"a single '{match[0]}'; write '{match[0] * 2}' for a brace")
            if match[1] is not None and not _NAME.fullmatch(match[1]):
                raise ValueError(
                    f"'{match[0]}' is not a field; write {{field}} or {{field.inner}} without "
                    "formats, and '{{' and '}}' for braces"
                )
        return template

    def apply(self, batch: RowBatch | TokenBatch, tally: Tally) -> RowBatch:
        """Return the rows with the filled template before their text."""
        assert isinstance(batch, RowBatch)
        rows, kept = [], []
        for index, row in enumerate(batch.rows):
            try:
                rows.append({**row, "text": self._fill(row, tally) + text_of(row, "text")})
                kept.append(index)
            except UnusableError as error:
                tally.bad(batch.numbers[index], str(error))
        tally.count("metadata.rows", len(rows))
        taken = batch.take(kept)
        taken.rows = rows
        return taken

    def _fill(self, row: dict[str, Any], tally: Tally) -> str:
        text = []
        for line in self._lines:
            filled = []
            for literal, name in line:
                filled.append(literal)
                value = "" if name is None else self._value(row, name)
                if value is None:
                    tally.count("metadata.absent")
                    if self.absent == "drop_line":
                        break
                    value = ""
                filled.append(value)
            else:
                text += filled
        return "".join(text)

    def _value(self, row: dict[str, Any], name: str) -> str | None:
        """Return a field as text; None where it is absent or null and that is allowed."""
        value = find(row, name)
        if isinstance(value, str):
            return value
        if value is MISSING or is_null(value):
            if self.absent == "error":
                raise UnusableError(
                    f"{problem_with(value, name)}, and the template of `metadata` needs it; set "
                    "`absent: empty` or `absent: drop_line` to do without"
                )
            return None
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int | float):
            return repr(value)
        if isinstance(value, date):
            return value.isoformat()
        raise UnusableError(
            f"the field '{name}' is {kind_of(value)}; the template of `metadata` takes text, "
            "numbers, true, false and dates"
        )

    @cached_property
    def _lines(self) -> list[list[tuple[str, str | None]]]:
        """The template by lines, each as literals with the field that follows, if one does."""
        return [_parse(line) for line in re.split(r"(?<=\n)", self.template)]


def _parse(line: str) -> list[tuple[str, str | None]]:
    parts: list[tuple[str, str | None]] = []
    literal = ""
    end = 0
    for match in _FIELD.finditer(line):
        literal += line[end : match.start()]
        end = match.end()
        if match[1] is None:
            literal += match[0][0]
        else:
            parts.append((literal, match[1]))
            literal = ""
    return [*parts, (literal + line[end:], None)]


STEP = Metadata
