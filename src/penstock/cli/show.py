"""`penstock show`: the first rows of a dataset, and the text of their tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from penstock.cli._output import Format, FormatOption, Output, QuietOption, guarded
from penstock.cli._rows import rows_lines


@guarded
def show(
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="A dataset, or the prefix of a .bin/.idx pair.")
    ],
    rows: Annotated[int, typer.Option("-n", "--rows", min=1, help="How many rows.")] = 3,
    split: Annotated[
        str | None, typer.Option("--split", help="Which split; train, or the first, if not named.")
    ] = None,
    tokenizer: Annotated[
        Path | None,
        typer.Option("--tokenizer", help="The tokenizer of data whose manifest names none."),
    ] = None,
    show_text: Annotated[
        bool, typer.Option("--show-text", help="Show text that the recipe calls confidential.")
    ] = False,
    format: FormatOption = Format.HUMAN,
    quiet: QuietOption = False,
) -> None:
    """Show the first rows of a dataset of any format, and the text that tokens stand for.

    Long columns and texts are shortened for people, and whole in every other format.
    """
    from penstock.checks import show as read

    shown = read(path, rows=rows, split=split, tokenizer=tokenizer, show_text=show_text)
    document = shown.to_dict()
    output = Output(format, quiet)
    output.show(document, document["rows"], lambda: rows_lines(shown))
    there = ", ".join(f"{name} {count:,}" for name, count in shown.splits.items())
    output.hint(f"{shown.format}, rows: {there}; shown: {shown.split}")
    for note in shown.notes:
        output.hint(f"note: {note}")
    if shown.masked:
        output.hint("note: the recipe says `redact: true`; --show-text shows the text")
