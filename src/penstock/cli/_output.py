"""What every verb prints through: one place for formats, colours, errors and exit codes."""

from __future__ import annotations

import csv
import functools
import sys
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any, ParamSpec

import typer
from rich.console import Console, RenderableType
from rich.markup import escape
from rich.table import Table

from penstock.errors import PenstockError

Parameters = ParamSpec("Parameters")


class Format(StrEnum):
    """How results are printed."""

    HUMAN = "human"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"


FormatOption = Annotated[
    Format, typer.Option("--format", help="How results are printed; hints go to stderr.")
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no hints.")]


class Output:
    """Prints a verb's results on stdout in the chosen format, and its hints on stderr."""

    def __init__(self, format: Format, quiet: bool = False) -> None:
        self.format = format
        self.quiet = quiet
        # A pipe has no width: nothing is cut or wrapped there.
        width = None if sys.stdout.isatty() else 200
        self.console = Console(width=width, highlight=False)
        self.errors = Console(stderr=True, highlight=False)

    @property
    def human(self) -> bool:
        """True when a person reads."""
        return self.format is Format.HUMAN

    def show(
        self,
        document: Any,
        rows: Sequence[Mapping[str, Any]],
        render: Callable[[], Sequence[RenderableType]],
    ) -> None:
        """Print one result: whole as JSON, row by row as JSONL or CSV, or as `render` gives it."""
        if self.format is Format.JSON:
            self._json(document, indent=True)
        elif self.format is Format.JSONL:
            for row in rows:
                self._json(row)
        elif self.format is Format.CSV:
            self._csv(rows)
        else:
            for renderable in render():
                self.console.print(renderable)

    def event(self, row: Mapping[str, Any], text: str) -> None:
        """Print one line about something that has just happened."""
        if self.human:
            self.hint(text)
        elif self.format is Format.JSONL:
            self._json(row)

    def hint(self, text: str) -> None:
        """Print a line for people on stderr, unless quiet."""
        if not self.quiet:
            self.errors.print(text, soft_wrap=True)

    def _json(self, value: Any, *, indent: bool = False) -> None:
        import orjson

        option = orjson.OPT_NON_STR_KEYS | (orjson.OPT_INDENT_2 if indent else 0)
        sys.stdout.write(orjson.dumps(value, option=option).decode() + "\n")
        sys.stdout.flush()

    def _csv(self, rows: Sequence[Mapping[str, Any]]) -> None:
        if rows:
            names = list(dict.fromkeys(name for row in rows for name in row))
            writer = csv.DictWriter(sys.stdout, names, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]], title: str | None = None) -> Table:
    """Return a table; numbers stand on the right, None as a dash. Cells are no markup."""
    result = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for index, name in enumerate(columns):
        numeric = rows and all(isinstance(row[index], int | float | None) for row in rows)
        result.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        result.add_row(*("-" if cell is None else escape(str(cell)) for cell in row))
    return result


def number(value: Any) -> str:
    """Return a value as tables show it: `1e-6`, `16`, `-` for None."""
    from penstock.config import short_number

    if isinstance(value, bool) or not isinstance(value, int | float):
        return "-" if value is None else str(value)
    return short_number(value)


def guarded(verb: Callable[Parameters, None]) -> Callable[Parameters, None]:
    """Turn the errors of a verb into words on stderr and an exit code."""

    @functools.wraps(verb)
    def guard(*args: Parameters.args, **kwargs: Parameters.kwargs) -> None:
        try:
            verb(*args, **kwargs)
        except PenstockError as error:
            Console(stderr=True, highlight=False).print(
                f"[bold red]error:[/] {escape(str(error))}", soft_wrap=True
            )
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt:
            Console(stderr=True).print("interrupted")
            raise typer.Exit(130) from None

    return guard
