"""`penstock doctor`: what is installed, what is wrong with it, and how to fix it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import RenderableType
from rich.markup import escape

from penstock.cli._output import FormatOption, Output, OutputFormat, QuietOption, handle_errors

if TYPE_CHECKING:
    from penstock.doctor import Examination

_COLUMNS = ("area", "name", "state", "value", "fix")
_COLOURS = {"ok": "green", "absent": "dim", "broken": "bold red"}


@handle_errors
def doctor(
    install: Annotated[
        str | None,
        typer.Option(
            metavar="TRAINER",
            help="First install this trainer in its own virtual environment, with pinned versions; "
            "by default under ~/.local/share/penstock.",
        ),
    ] = None,
    format: FormatOption = OutputFormat.HUMAN,
    quiet: QuietOption = False,
) -> None:
    """Check Python, optional packages, GPUs and the environments of external trainers.

    Exits with 1 if something installed is broken. Something that is absent is not an error.
    """
    from penstock.doctor import examine
    from penstock.trainers import install as install_trainer

    output = Output(format, quiet)
    if install is not None:
        install_trainer(install, lambda line: output.hint(escape(line)))
    found = examine()
    document = found.to_dict()
    output.show(document, document["items"], lambda: _lines(found), columns=_COLUMNS)
    if not found.ok:
        raise typer.Exit(1)


def _lines(found: Examination) -> Iterator[RenderableType]:
    for area, items in groupby(found.items, key=lambda item: item.area):
        yield f"[bold]{escape(area)}[/]"
        for item in items:
            state = item.state.value
            yield f"  [{_COLOURS[state]}]{state:<6}[/] {escape(item.name):<14} {escape(item.value)}"
            if item.fix:
                yield f"         [dim]{escape(item.fix)}[/]"
