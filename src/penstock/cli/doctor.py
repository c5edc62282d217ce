"""`penstock doctor`: what is here, what is wrong with it, and the mend."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import RenderableType
from rich.markup import escape

from penstock.cli._output import Format, FormatOption, Output, QuietOption, guarded

if TYPE_CHECKING:
    from penstock.doctor import Examination

_COLUMNS = ("area", "name", "state", "value", "mend")
_COLOURS = {"ok": "green", "absent": "dim", "broken": "bold red"}


class Installable(StrEnum):
    """What the verb can install."""

    LLAMAFACTORY = "llamafactory"


@guarded
def doctor(
    install: Annotated[
        Installable | None,
        typer.Option(
            "--install",
            help="First make this trainer's virtual environment, with the versions that were "
            "tested: where LLAMAFACTORY_VENV says, else under ~/.local/share/penstock.",
        ),
    ] = None,
    format: FormatOption = Format.HUMAN,
    quiet: QuietOption = False,
) -> None:
    """Look at Python, the extras, the GPUs and LLaMA-Factory's environment.

    Exits with 1 when something that is there is broken; what is absent is no fault.
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
