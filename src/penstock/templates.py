"""Text templates with row fields: `{field}`, `{field.inner}`, `{{` and `}}` for braces."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator

_FIELD = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_NAME = re.compile(r"\w[\w -]*(\.\w[\w -]*)*")

#: Literals, each with the field that follows it (None after the last).
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
    """Return the literals and fields of a valid template."""
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
