"""`penstock tokenize`: JSON Lines to Megatron's .bin and .idx, the short way."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from penstock.cli._output import Format, FormatOption, Output, QuietOption, guarded
from penstock.cli.build import WorkersOption, carry_and_show, show_plan


@guarded
def tokenize(
    inputs: Annotated[
        list[str] | None, typer.Argument(metavar="[INPUT]...", help="JSON Lines, .gz, .zst, globs.")
    ] = None,
    input: Annotated[
        list[str] | None, typer.Option("--input", help="The same, as preprocess_data spells it.")
    ] = None,
    tokenizer: Annotated[
        Path,
        typer.Option(
            "--tokenizer", "--tokenizer-model", help="A tokenizer.json, or the directory of one."
        ),
    ] = ...,  # type: ignore[assignment]
    output_prefix: Annotated[
        str, typer.Option("--output-prefix", help="Files are PREFIX_KEY_document.bin and .idx.")
    ] = ...,  # type: ignore[assignment]
    json_keys: Annotated[
        list[str] | None,
        typer.Option("--json-keys", help="The fields to tokenize, a dataset each. [default: text]"),
    ] = None,
    append_eod: Annotated[
        bool, typer.Option("--append-eod", help="Put the end-of-document token after each.")
    ] = False,
    workers: WorkersOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the plan and an estimate; write nothing.")
    ] = False,
    format: FormatOption = Format.HUMAN,
    quiet: QuietOption = False,
) -> None:
    """Tokenize JSON Lines into Megatron's indexed dataset.

    The same bytes as Megatron-LM's tools/preprocess_data.py writes.
    """
    from penstock.executors import LocalExecutor
    from penstock.recipes import load_tokenize

    output = Output(format, quiet)
    sources = [*(inputs or ()), *(input or ())]
    plans = [
        load_tokenize(sources, tokenizer, output_prefix, key=key, append_eod=append_eod)
        for key in json_keys or ["text"]
    ]
    carrier = LocalExecutor(workers=workers)
    for plan in plans:
        if dry_run:
            show_plan(plan, output, carrier)
        else:
            carry_and_show(plan, output, carrier)
