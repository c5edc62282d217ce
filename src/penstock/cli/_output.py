"""What every verb prints through: one place for formats, colours, errors and exit codes."""

from __future__ import annotations

import csv
import functools
import io
import os
import signal
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any, ParamSpec

import typer
from rich.console import Console, RenderableType
from rich.markup import escape
from rich.text import Text

from penstock.cli._table import NO_WIDTH
from penstock.errors import PenstockError

Parameters = ParamSpec("Parameters")

EXIT_INTERRUPTED = 130
#: How the shell sees a program whose reader has gone, as `head` does: ended by SIGPIPE.
EXIT_PIPE_CLOSED = 128 + signal.SIGPIPE


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
        self.console = _console()
        self.errors = _console(stderr=True)

    @property
    def human(self) -> bool:
        """True when a person reads."""
        return self.format is Format.HUMAN

    def show(
        self,
        document: Any,
        rows: Iterable[Mapping[str, Any]],
        render: Callable[[], Iterable[RenderableType]],
        *,
        columns: Sequence[str] = (),
    ) -> None:
        """Print one result: whole as JSON, row by row as JSONL or CSV, or as `render` gives it.

        CSV has the columns that are named, rows or not, and then those that rows have besides.
        """
        if self.format is Format.JSON:
            print_json(document, indent=True)
        elif self.format is Format.JSONL:
            for row in rows:
                print_json(row)
        elif self.format is Format.CSV:
            _print_csv(columns, list(rows))
        else:
            for renderable in render():
                # A table folds as it can; a line stays whole, so that paths can be copied.
                line = isinstance(renderable, str | Text)
                self.console.print(renderable, soft_wrap=line, crop=False)

    def event(self, row: Mapping[str, Any], text: str) -> None:
        """Print one line about something that has just happened."""
        if self.human:
            self.hint(text)
        elif self.format is Format.JSONL:
            print_json(row)

    def hint(self, text: str) -> None:
        """Print a line for people on stderr, unless quiet."""
        if not self.quiet:
            self.errors.print(text, soft_wrap=True)


class _Console(Console):
    """A console that leaves a reader that has gone to `guarded`."""

    def on_broken_pipe(self) -> None:
        _forget_stdout()
        raise BrokenPipeError


def _console(*, stderr: bool = False) -> Console:
    """Return a console that knows where it writes: colours and a width are a terminal's."""
    stream = sys.stderr if stderr else sys.stdout
    return _Console(
        stderr=stderr,
        highlight=False,
        width=None if stream.isatty() else NO_WIDTH,
        color_system=None if os.environ.get("NO_COLOR") else "auto",
    )


def print_json(value: Any, *, indent: bool = False) -> None:
    """Print a value as JSON, on one line or indented on several."""
    _write(_json(value, indent=indent) + "\n")


def _json(value: Any, *, indent: bool = False) -> str:
    import orjson

    option = orjson.OPT_NON_STR_KEYS | (orjson.OPT_INDENT_2 if indent else 0)
    return orjson.dumps(value, option=option).decode()


def _print_csv(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Print a header and one line a row; lists, mappings and truth values as JSON has them."""
    names = list(dict.fromkeys([*columns, *(name for row in rows for name in row)]))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if names:
        writer.writerow(names)
    for row in rows:
        values = [row.get(name) for name in names]
        writer.writerow([_json(v) if isinstance(v, list | dict | bool) else v for v in values])
    _write(text.getvalue())


def _write(text: str) -> None:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        _forget_stdout()
        raise


def _forget_stdout() -> None:
    """Let what is still in the buffer of a closed pipe go nowhere when the program ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def guarded(verb: Callable[Parameters, None]) -> Callable[Parameters, None]:
    """Turn the errors of a verb into words on stderr and an exit code."""

    @functools.wraps(verb)
    def guard(*args: Parameters.args, **kwargs: Parameters.kwargs) -> None:
        try:
            verb(*args, **kwargs)
        except PenstockError as error:
            _console(stderr=True).print(f"[bold red]error:[/] {escape(str(error))}", soft_wrap=True)
            raise typer.Exit(error.exit_code) from None
        except BrokenPipeError:
            raise typer.Exit(EXIT_PIPE_CLOSED) from None
        except KeyboardInterrupt:
            _console(stderr=True).print("interrupted")
            raise typer.Exit(EXIT_INTERRUPTED) from None

    return guard
