"""Rows of a dataset for people: numbers in short, text of each document by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType
from rich.markup import escape
from rich.text import Text

if TYPE_CHECKING:
    from penstock.checks import Shown, ShownRow

#: How many numbers of a list, and characters of a text, are shown at each end.
_NUMBERS = 6
_CHARACTERS = 300
#: What a terminal would obey instead of showing it; line feed and tab are shown.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def rows_lines(shown: Shown) -> Iterator[RenderableType]:
    """Yield the lines of all rows, whole columns and documents."""
    for row in shown.rows:
        yield f"[bold]{escape(row.file)}:{row.number}[/]"
        width = max((len(name) for name in row.columns), default=0)
        for name, value in row.columns.items():
            yield Text(f"  {name:<{width}}  {_short(value)}")
        yield from document_lines(row)


def document_lines(row: ShownRow) -> Iterator[RenderableType]:
    """Yield the text of each document of a row, numbered as its segments are."""
    for number, text in enumerate(row.documents or [], 1):
        yield Text(f"  document {number}", style="cyan")
        for line in _shortened(text).splitlines():
            yield Text(f"    {line}")


def _short(value: Any) -> str:
    """Return a value on one line; of a long list its ends and its length."""
    if isinstance(value, str):
        return _shortened(value)
    if isinstance(value, list) and _numbers(value) and len(value) > 2 * _NUMBERS:
        ends = " ... ".join(
            " ".join(map(str, part)) for part in (value[:_NUMBERS], value[-_NUMBERS:])
        )
        return f"{ends}  ({len(value):,})"
    if isinstance(value, list) and _numbers(value):
        return " ".join(map(str, value))
    import orjson

    return orjson.dumps(value).decode()


def _numbers(values: Sequence[Any]) -> bool:
    return all(type(value) is int for value in values)


def _shortened(text: str) -> str:
    """Return a text, without the middle of a long one, as a terminal may have it."""
    text = _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", text)
    left_out = len(text) - 2 * _CHARACTERS
    if left_out <= 0:
        return text
    return f"{text[:_CHARACTERS]}\n[... {left_out:,} characters ...]\n{text[-_CHARACTERS:]}"
