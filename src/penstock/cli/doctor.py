"""`penstock doctor`: what is installed, what is wrong with it, and how to fix it."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import RenderableType
from rich.markup import escape

from penstock.cli._output import FormatOption, Output, OutputFormat, QuietOption, handle_errors

if TYPE_CHECKING:
    from penstock.doctor import Examination

_COLUMNS = ("area", "name", "state", "value", "mend")
_COLOURS = {"ok": "green", "absent": "dim", "broken": "bold red"}


class Installable(StrEnum):
    """What the verb can install."""

    LLAMAFACTORY = "llamafactory"


@handle_errors
def doctor(
    install: Annotated[
        Installable | None,
        typer.Option(
            "--install",
            help="First install this trainer in a virtual environment, with pinned versions. "
            "Default directory: $LLAMAFACTORY_VENV, or one under ~/.local/share/penstock.",
        ),
    ] = None,
    format: FormatOption = OutputFormat.HUMAN,
    quiet: QuietOption = False,
) -> None:
    """Check Python, optional packages, GPUs and the environments of external trainers.

    Exits with 1 if something installed is broken. Something that is absent is not an error.
    """
    from penstock.doctor import examine

    output = Output(format, quiet)
    if install is Installable.LLAMAFACTORY:
        _install_llamafactory(output)
    found = examine()
    document = found.to_dict()
    output.show(document, document["items"], lambda: _lines(found), columns=_COLUMNS)
    if not found.ok:
        raise typer.Exit(1)


def _install_llamafactory(output: Output) -> None:
    from penstock.trainers.llamafactory.environment import place_of_environment
    from penstock.trainers.llamafactory.installing import install

    install(place_of_environment(), lambda line: output.hint(escape(line)))


def _lines(found: Examination) -> Iterator[RenderableType]:
    area = None
    for item in found.items:
        if item.area != area:
            area = item.area
            yield f"[bold]{escape(area)}[/]"
        state = item.state.value
        yield f"  [{_COLOURS[state]}]{state:<6}[/] {escape(item.name):<14} {escape(item.value)}"
        if item.mend:
            yield f"         [dim]{escape(item.mend)}[/]"
