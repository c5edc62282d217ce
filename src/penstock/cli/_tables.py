"""Tables and dataset rows as terminal output."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.markup import escape
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from penstock.checks import Shown, ShownRow

#: The width of a pipe or a file: wider than any line, so that nothing is cut or wrapped.
NO_WIDTH = 1_000_000
#: Columns up to this width are never folded.
_SHORT = 12
_GAP = 2
#: How many numbers of a long list, and characters of a long text, are shown at each end.
_NUMBERS = 6
_CHARACTERS = 300
#: Control characters except line feed and tab; a terminal would execute them.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class FoldingTable:
    """A table with numbers on the right and None as a dash; cells are not parsed as markup.

    Long texts are folded if that makes the table fit the terminal. Otherwise its lines overflow;
    nothing is cut.
    """

    def __init__(self, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        cells = [[c if isinstance(c, Text) else Text(format_value(c)) for c in row] for row in rows]
        self._table = Table(header_style="bold", box=None, pad_edge=False, padding=(0, _GAP, 0, 0))
        self._folded_width = _GAP * (len(columns) - 1)
        for index, name in enumerate(columns):
            column = [row[index] for row in cells]
            width = max(len(name), *(cell.cell_len for cell in column), 0)
            texts = [cell.plain for cell in column]
            numeric = any(texts) and all(map(_is_number, texts))
            no_wrap = numeric or width <= _SHORT
            self._folded_width += width if no_wrap else _SHORT
            self._table.add_column(
                name, justify="right" if numeric else "left", no_wrap=no_wrap, overflow="fold"
            )
        for row in cells:
            self._table.add_row(*row)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = options.max_width if self._folded_width <= options.max_width else NO_WIDTH
        yield from console.render(self._table, options.update_width(width))


def format_value(value: Any) -> str:
    """Return a value as tables show it: `1e-6`, `16`, `-` for None."""
    from penstock.config import short_value

    return short_value(value)


def _is_number(text: str) -> bool:
    """Return True for a number (`16`, `1e-6`, `2,047`, `2.1 %`, `0.70 ± 0.01`) or an empty cell."""
    try:
        float(text.partition(" ± ")[0].removesuffix(" %").replace(",", ""))
    except ValueError:
        return text in ("", "-")
    return True


def rows_lines(shown: Shown) -> Iterator[RenderableType]:
    """Yield the columns and documents of all rows as lines."""
    for row in shown.rows:
        yield f"[bold]{escape(row.file)}:{row.number}[/]"
        width = max((len(name) for name in row.columns), default=0)
        for name, value in row.columns.items():
            yield Text(f"  {name:<{width}}  {_short(value)}")
        yield from document_lines(row)


def document_lines(row: ShownRow) -> Iterator[RenderableType]:
    """Yield the text of each document of a row, numbered like its segments."""
    for number, text in enumerate(row.documents or [], 1):
        yield Text(f"  document {number}", style="cyan")
        for line in _shorten(text).splitlines():
            yield Text(f"    {line}")


def _short(value: Any) -> str:
    """Return a value on one line; of a long list of numbers only both ends and the length."""
    if isinstance(value, str):
        return _shorten(value)
    if isinstance(value, list) and all(type(item) is int for item in value):
        texts = list(map(str, value))
        if len(texts) <= 2 * _NUMBERS:
            return " ".join(texts)
        first, last = " ".join(texts[:_NUMBERS]), " ".join(texts[-_NUMBERS:])
        return f"{first} ... {last}  ({len(texts):,})"
    import orjson

    return orjson.dumps(value).decode()


def _shorten(text: str) -> str:
    """Return a text with control characters escaped, and without the middle if it is long."""
    text = _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", text)
    left_out = len(text) - 2 * _CHARACTERS
    if left_out <= 0:
        return text
    return f"{text[:_CHARACTERS]}\n[... {left_out:,} characters ...]\n{text[-_CHARACTERS:]}"
