"""`penstock demo`: the main job on data of penstock's own."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from penstock.cli._output import Format, Output, guarded
from penstock.errors import ConflictError


@guarded
def demo(
    directory: Annotated[
        Path, typer.Argument(help="A new directory for all that the demo writes.")
    ] = Path("demo-run"),
) -> None:
    """Migrate, check, train, compare and report on a small world that penstock makes up.

    Every step is a command that is printed before it runs. Takes a minute or two on two cores.
    """
    from penstock.demo import COMMANDS, write_demo

    if directory.exists() and not (directory.is_dir() and not any(directory.iterdir())):
        raise ConflictError(f"{directory}: is not an empty directory; name one that does not exist")
    output = Output(Format.HUMAN)
    output.console.print(
        "writing an old project, and teaching a tiny language model its words (ten seconds) ..."
    )
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
        "\nOpen the report in a browser, or go on in that directory: penstock results --detail "
        "lists every run,\nand penstock trace leads from one of them back to the raw files."
    )
