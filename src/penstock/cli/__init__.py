"""The command line: one file per verb. Nothing here that a user of the library would miss."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from penstock import __version__
from penstock.cli import (
    build,
    check,
    compare,
    demo,
    doctor,
    export,
    merge,
    migrate,
    report,
    results,
    schema,
    show,
    tokenize,
    trace,
    train,
    weights,
)
from penstock.cli._output import EXIT_INTERRUPTED

app = typer.Typer(
    name="penstock",
    help="From raw or synthetic data to a trained, compared model, with every joint proved.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
VERBS = (
    migrate,
    build,
    tokenize,
    merge,
    check,
    show,
    export,
    train,
    results,
    compare,
    report,
    trace,
    weights,
    schema,
    doctor,
    demo,
)
for verb in VERBS:
    app.command()(getattr(verb, verb.__name__.rpartition(".")[2]))


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"penstock {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line."""
    try:
        app()
    except KeyboardInterrupt:  # before a verb took care of it
        sys.exit(EXIT_INTERRUPTED)
