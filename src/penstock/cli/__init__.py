"""The command line: one module per command, which parses, calls and prints."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Annotated

import typer

from penstock import __version__
from penstock.cli._output import EXIT_INTERRUPTED

#: Modules with a function of the same name, in the order of `penstock --help`.
COMMANDS = (
    *("migrate", "build", "tokenize", "merge", "check", "show", "export"),
    *("train", "results", "compare", "report", "trace", "weights"),
    *("schema", "doctor", "demo"),
)

app = typer.Typer(
    name="penstock",
    help="From raw or synthetic data to trained and compared language models, checked at every "
    "step.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for name in COMMANDS:
    app.command()(getattr(import_module(f"penstock.cli.{name}"), name))


def _print_version(requested: bool) -> None:
    if requested:
        typer.echo(f"penstock {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line."""
    try:
        app()
    except KeyboardInterrupt:  # before a command handles it
        sys.exit(EXIT_INTERRUPTED)
