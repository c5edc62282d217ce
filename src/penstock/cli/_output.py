"""What every command prints through: formats, colours, errors, exit codes, signals."""

from __future__ import annotations

import csv
import functools
import io
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from enum import StrEnum
from types import FrameType
from typing import Annotated, Any, ParamSpec

import typer
from rich.console import Console, RenderableType
from rich.markup import escape
from rich.progress import Progress, ProgressColumn
from rich.text import Text

from penstock.cli._tables import NO_WIDTH
from penstock.errors import PenstockError

Parameters = ParamSpec("Parameters")

EXIT_INTERRUPTED = 130
#: The shell's exit code of a program ended by SIGPIPE, as when `head` closes the pipe.
EXIT_PIPE_CLOSED = 128 + signal.SIGPIPE
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class OutputFormat(StrEnum):
    """How results are printed."""

    HUMAN = "human"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"


FormatOption = Annotated[
    OutputFormat, typer.Option("--format", help="Format of the results on stdout.")
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print no progress and no hints.")]


class Output:
    """Prints a command's results on stdout in the chosen format, and its hints on stderr."""

    def __init__(self, format: OutputFormat, quiet: bool = False) -> None:
        self.format = format
        self.quiet = quiet
        self.console = _console()
        self.errors = _console(stderr=True)

    @property
    def human(self) -> bool:
        """True if the output is for a person."""
        return self.format is OutputFormat.HUMAN

    def show(
        self,
        document: Any,
        rows: Iterable[Mapping[str, Any]],
        render: Callable[[], Iterable[RenderableType]],
        *,
        columns: Sequence[str] = (),
    ) -> None:
        """Print a result: `document` as JSON, `rows` as JSONL or CSV, or what `render` returns.

        CSV always has `columns`, followed by any other keys of the rows.
        """
        if self.format is OutputFormat.JSON:
            print_json(document, indent=True)
        elif self.format is OutputFormat.JSONL:
            for row in rows:
                print_json(row)
        elif self.format is OutputFormat.CSV:
            _print_csv(columns, list(rows))
        else:
            for renderable in render():
                # A table may fold; a line is never wrapped, so that its paths can be copied.
                line = isinstance(renderable, str | Text)
                self.console.print(renderable, soft_wrap=line, crop=False)

    def progress(self, *columns: ProgressColumn) -> Progress:
        """Return a progress display on stderr: hidden if quiet, not human, or not a terminal."""
        hidden = self.quiet or not self.human or not sys.stderr.isatty()
        return Progress(*columns, console=self.errors, transient=True, disable=hidden)

    def event(self, row: Mapping[str, Any], text: str) -> None:
        """Print one line about something that has just happened."""
        if self.human:
            self.hint(text)
        elif self.format is OutputFormat.JSONL:
            print_json(row)

    def hint(self, text: str) -> None:
        """Print a line on stderr, unless quiet."""
        if not self.quiet:
            self.errors.print(text, soft_wrap=True)


class _Console(Console):
    """A console that raises BrokenPipeError for `handle_errors` instead of exiting."""

    def on_broken_pipe(self) -> None:
        _discard_stdout()
        raise BrokenPipeError


def _console(*, stderr: bool = False) -> Console:
    """Return a console with colours and a width only if it writes to a terminal."""
    stream = sys.stderr if stderr else sys.stdout
    return _Console(
        stderr=stderr,
        highlight=False,
        width=None if stream.isatty() else NO_WIDTH,
        color_system=None if os.environ.get("NO_COLOR") else "auto",
    )


def print_json(value: Any, *, indent: bool = False) -> None:
    """Print a value as JSON, on one line or indented."""
    _write(_json(value, indent=indent) + "\n")


def _json(value: Any, *, indent: bool = False) -> str:
    import orjson

    option = orjson.OPT_NON_STR_KEYS | (orjson.OPT_INDENT_2 if indent else 0)
    return orjson.dumps(value, option=option).decode()


def _print_csv(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Print a header and one line per row; lists, mappings and booleans are written as JSON."""
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
        _discard_stdout()
        raise


def _discard_stdout() -> None:
    """Redirect stdout to /dev/null, so that the final flush of a closed pipe does not fail."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def handle_errors(command: Callable[Parameters, None]) -> Callable[Parameters, None]:
    """Turn the exceptions of a command into a message on stderr and an exit code."""

    @functools.wraps(command)
    def wrapper(*args: Parameters.args, **kwargs: Parameters.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except PenstockError as error:
            _console(stderr=True).print(f"[bold red]error:[/] {escape(str(error))}", soft_wrap=True)
            raise typer.Exit(error.exit_code) from None
        except BrokenPipeError:
            raise typer.Exit(EXIT_PIPE_CLOSED) from None
        except KeyboardInterrupt:
            _console(stderr=True).print("interrupted")
            raise typer.Exit(EXIT_INTERRUPTED) from None

    return wrapper


@contextmanager
def interrupt_on_signals() -> Iterator[None]:
    """Raise KeyboardInterrupt for SIGTERM and SIGHUP as for Ctrl-C, and acknowledge it at once."""

    def interrupt(signum: int, frame: FrameType | None) -> None:
        with suppress(OSError):
            os.write(sys.stderr.fileno(), b"\nstopping; interrupt again to stop immediately\n")
        raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in _STOP_SIGNALS}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:  # nohup ignores SIGHUP
            signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
