"""`penstock demo`: a complete workflow on generated data."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from penstock.cli._output import Output, OutputFormat, handle_errors
from penstock.errors import ConflictError


@handle_errors
def demo(
    directory: Annotated[
        Path, typer.Argument(help="A new directory for everything that the demo writes.")
    ] = Path("demo-run"),
) -> None:
    """Run a complete workflow on generated data: migrate, check, train, compare, report.

    Prints each command before it runs. Takes a minute or two on two cores.
    """
    from penstock.demo import COMMANDS, write_demo

    if directory.exists() and not (directory.is_dir() and not any(directory.iterdir())):
        raise ConflictError(f"{directory}: is not an empty directory; name one that does not exist")
    output = Output(OutputFormat.HUMAN)
    output.console.print("writing the data and pretraining a tiny model (ten seconds) ...")
    write_demo(directory)
    output.console.print(f"[dim]$[/] [bold]cd {escape(shlex.quote(str(directory)))}[/]")
    for arguments in COMMANDS:
        output.console.print(f"\n[dim]$[/] [bold]penstock {escape(shlex.join(arguments))}[/]")
        done = subprocess.run(
            [sys.executable, "-m", "penstock", *arguments], cwd=directory, check=False
        )
        if done.returncode:
            raise typer.Exit(done.returncode)
    output.console.print(
        "\nOpen the report in a browser. More commands for this directory:\n"
        "  penstock results --detail   every run with its directory\n"
        "  penstock trace RUN          the raw files behind the score of a run"
    )
