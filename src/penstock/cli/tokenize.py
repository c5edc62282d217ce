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
        typer.Option(
            "--json-keys",
            help="A field to tokenize; once for each. [default: text]",
        ),
    ] = None,
    append_eod: Annotated[
        bool, typer.Option("--append-eod", help="Put the end-of-document token after each.")
    ] = False,
    bos: Annotated[
        str | None,
        typer.Option("--bos", help="The token before each: tokenizer (as it does), always, never."),
    ] = None,
    eod: Annotated[
        str | None, typer.Option("--eod", help="The token that --append-eod puts, by its text.")
    ] = None,
    empty: Annotated[
        str | None, typer.Option("--empty", help="A text without a token: keep, drop, error.")
    ] = None,
    specials: Annotated[
        str | None, typer.Option("--specials", help="Special tokens in the text: parse, as_text.")
    ] = None,
    surrogates: Annotated[
        str | None, typer.Option("--surrogates", help="Halves of a character: error, replace.")
    ] = None,
    engine: Annotated[
        str | None, typer.Option("--engine", help="auto, fastokens, tokenizers.")
    ] = None,
    on_error: Annotated[
        str | None, typer.Option("--on-error", help="A row that cannot be used: fail, skip.")
    ] = None,
    max_errors: Annotated[
        int | None, typer.Option("--max-errors", help="The most rows that are skipped.")
    ] = None,
    partitions: Annotated[
        int | None, typer.Option("--partitions", hidden=True, help="Of preprocess_data.")
    ] = None,
    keep_sequential_samples: Annotated[
        bool, typer.Option("--keep-sequential-samples", hidden=True, help="Of preprocess_data.")
    ] = False,
    log_interval: Annotated[
        int | None, typer.Option("--log-interval", hidden=True, help="Of preprocess_data.")
    ] = None,
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
    if partitions or keep_sequential_samples or log_interval:
        output.hint(
            "--partitions, --keep-sequential-samples and --log-interval are not needed: --workers "
            "share the input as it is, and its order is always kept"
        )
    sources = [*(inputs or ()), *(input or ())]
    given = {
        "bos": bos,
        "eod": eod,
        "empty": empty,
        "specials": specials,
        "surrogates": surrogates,
        "engine": engine,
        "on_error": on_error,
        "max_errors": max_errors,
    }
    options = {name: value for name, value in given.items() if value is not None}
    plans = [
        load_tokenize(
            sources, tokenizer, output_prefix, key=key, append_eod=append_eod, options=options
        )
        for key in json_keys or ["text"]
    ]
    carrier = LocalExecutor(workers=workers)
    for plan in plans:
        if dry_run:
            show_plan(plan, output, carrier)
        else:
            carry_and_show(plan, output, carrier)
