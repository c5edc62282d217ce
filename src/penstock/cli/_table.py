"""Tables for people: they fold in a narrow terminal, and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

#: Wider than any line. A pipe and a file have no width: nothing is cut or wrapped there.
NO_WIDTH = 1_000_000
#: Columns up to this width are never folded.
_SHORT = 12
_GAP = 2


class FoldingTable:
    """A table whose numbers stand on the right, None as a dash. Cells are no markup.

    Where it is too wide for the terminal, long texts are folded. Where that does not help either,
    its lines run on: nothing is cut.
    """

    def __init__(self, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        cells = [[c if isinstance(c, Text) else Text(number(c)) for c in row] for row in rows]
        self._table = Table(header_style="bold", box=None, pad_edge=False, padding=(0, _GAP, 0, 0))
        self._folded = _GAP * (len(columns) - 1)
        for index, name in enumerate(columns):
            column = [row[index] for row in cells]
            width = max(len(name), *(cell.cell_len for cell in column), 0)
            numeric = any(cell.plain for cell in column) and all(
                _is_number(cell.plain) for cell in column
            )
            whole = numeric or width <= _SHORT
            self._folded += width if whole else _SHORT
            self._table.add_column(
                name, justify="right" if numeric else "left", no_wrap=whole, overflow="fold"
            )
        for row in cells:
            self._table.add_row(*row)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the table, folded if that makes it fit."""
        width = options.max_width if self._folded <= options.max_width else NO_WIDTH
        yield from console.render(self._table, options.update_width(width))


def number(value: Any) -> str:
    """Return a value as tables show it: `1e-6`, `16`, `-` for None."""
    from penstock.config import short_value

    return short_value(value)


def _is_number(text: str) -> bool:
    """Say whether a cell has a number (`16`, `1e-6`, `2,047`, `2.1 %`, `0.70 ± 0.01`), or none."""
    try:
        float(text.partition(" ± ")[0].removesuffix(" %").replace(",", ""))
    except ValueError:
        return text in ("", "-")
    return True
