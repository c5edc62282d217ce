"""`penstock export`: the settings with which a trainer reads a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from penstock.cli._output import FormatOption, Output, OutputFormat, QuietOption, handle_errors
from penstock.errors import ConfigError, ConflictError
from penstock.files import write_atomic


@handle_errors
def export(
    trainer: Annotated[str, typer.Argument(help="The trainer, such as maxtext.")],
    dataset: Annotated[Path, typer.Argument(help="The dataset's directory or prefix.")],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY=VALUE", help="Options of the trainer, such as lora_rank=8."),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="The model to train: a hub name or a directory.")
    ] = None,
    template: Annotated[
        str | None, typer.Option(help="The trainer's name for the chat template.")
    ] = None,
    target: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Also write the settings to this YAML file."),
    ] = None,
    format: FormatOption = OutputFormat.HUMAN,
    quiet: QuietOption = False,
) -> None:
    """Print the settings with which a trainer reads a dataset, and what it keeps and loses.

    The settings go to stdout as YAML, everything else to stderr.
    """
    from penstock.trainers import export as run_export

    named = {"model": model, "template": template}
    given = {name: value for name, value in named.items() if value is not None}
    found = run_export(trainer, dataset, overrides or (), **given)
    text = found.to_yaml()
    if target is not None:
        _write(target, text)
    rows = [{"key": key, "value": value} for key, value in found.settings.items()]
    output = Output(format, quiet)
    lines = map(escape, text.splitlines())
    output.show(found.to_dict(), rows, lambda: lines, columns=("key", "value"))
    if output.human:
        output.hint(f"[bold]{escape(found.trainer)}[/] {escape(found.version)}")
        for label, colour, notes in (
            ("keeps", "green", found.keeps),
            ("loses", "bold red", found.loses),
            ("note", "cyan", found.advice),
            ("warning", "bold yellow", found.warnings),
        ):
            for note in notes:
                output.hint(f"[{colour}]{label}[/] {escape(note)}")


def _write(target: Path, text: str) -> None:
    try:
        if target.exists() and target.read_bytes() != text.encode():
            raise ConflictError(f"{target}: has other content; remove it, or name another file")
        write_atomic(target, text)
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror}", file=target) from None
