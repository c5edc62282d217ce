"""`penstock show`: the first rows of a dataset, and the text of their tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from penstock.cli._options import TokenizerOption
from penstock.cli._output import FormatOption, Output, OutputFormat, QuietOption, handle_errors
from penstock.cli._tables import rows_lines


@handle_errors
def show(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="PATH", help="A dataset directory, or the prefix of a .bin/.idx pair."
        ),
    ],
    rows: Annotated[int, typer.Option("-n", "--rows", min=1, help="Number of rows.")] = 3,
    split: Annotated[
        str | None, typer.Option(help="The split. Default: train, or the first.")
    ] = None,
    tokenizer: TokenizerOption = None,
    show_text: Annotated[
        bool,
        typer.Option("--show-text", help="Show text even if the recipe marks it as confidential."),
    ] = False,
    format: FormatOption = OutputFormat.HUMAN,
    quiet: QuietOption = False,
) -> None:
    """Show the first rows of a dataset of any format, with tokens decoded to text.

    Long columns and texts are shortened, except with --format json, jsonl and csv.
    """
    from penstock.checks import show as run_show

    shown = run_show(path, rows=rows, split=split, tokenizer=tokenizer, show_text=show_text)
    document = shown.to_dict()
    output = Output(format, quiet)
    output.show(document, document["rows"], lambda: rows_lines(shown))
    counts = ", ".join(f"{name} {count:,}" for name, count in shown.splits.items())
    output.hint(f"{shown.format}, rows: {counts}; shown: {shown.split}")
    for note in shown.notes:
        output.hint(f"note: {note}")
    if shown.masked:
        output.hint("note: the recipe says `redact: true`; --show-text shows the text")
