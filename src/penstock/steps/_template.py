"""Templates of text that fields of a row fill: `{field}`, `{field.inner}`, `{{` and `}}`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any

from pydantic import AfterValidator

from penstock.fields import MISSING, find, kind_of
from penstock.steps._fields import UnusableError, is_null

_FIELD = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_NAME = re.compile(r"\w[\w -]*(\.\w[\w -]*)*")

#: Literals, each with the field that follows it; the last has None.
Parsed = Sequence[tuple[str, str | None]]


def _has_plain_fields(template: str) -> str:
    for match in _FIELD.finditer(template):
        if match[0] in ("{", "}"):
            raise ValueError(f"a single '{match[0]}'; write '{match[0] * 2}' for a brace")
        if match[1] is not None and not _NAME.fullmatch(match[1]):
            raise ValueError(
                f"'{match[0]}' is not a field; write {{field}} or {{field.inner}} without "
                "formats, and '{{' and '}}' for braces"
            )
    return template


#: A template as a setting.
Template = Annotated[str, AfterValidator(_has_plain_fields)]


def parse_template(template: str) -> Parsed:
    """Return the literals and fields of a template that was checked."""
    parts: list[tuple[str, str | None]] = []
    literal = ""
    end = 0
    for match in _FIELD.finditer(template):
        literal += template[end : match.start()]
        end = match.end()
        if match[1] is None:
            literal += match[0][0]
        else:
            parts.append((literal, match[1]))
            literal = ""
    return [*parts, (literal + template[end:], None)]


def value_as_text(row: dict[str, Any], name: str, step: str) -> str | None:
    """Return a field as it goes into the template of a step; None where it is absent or null.

    Text goes in as it is; numbers, true and false as JSON writes them; dates and times in ISO form.
    NaN is null. Raises UnusableError for a list or an object.
    """
    value = find(row, name)
    if isinstance(value, str):
        return value
    if value is MISSING or is_null(value):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, date):
        return value.isoformat()
    raise UnusableError(
        f"the field '{name}' is {kind_of(value)}; the template of `{step}` takes text, numbers, "
        "true, false and dates"
    )
