"""`penstock tokenize`: JSON Lines to Megatron's .bin and .idx, without a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from penstock.cli._options import DryRunOption, WorkersOption
from penstock.cli._output import FormatOption, Output, OutputFormat, QuietOption, handle_errors
from penstock.cli.build import run_plan, show_plan

#: An option that preprocess_data.py has and penstock does not need.
_IgnoredOption = Annotated[int | None, typer.Option(hidden=True, help="Has no effect.")]


@handle_errors
def tokenize(
    inputs: Annotated[
        list[str] | None,
        typer.Argument(metavar="INPUT", help="JSON Lines, also .gz and .zst, globs and URLs."),
    ] = None,
    input: Annotated[
        list[str] | None, typer.Option(help="The same, as preprocess_data.py names it.")
    ] = None,
    tokenizer: Annotated[
        Path,
        typer.Option("--tokenizer", "--tokenizer-model", help="A tokenizer.json or its directory."),
    ] = ...,  # type: ignore[assignment]
    output_prefix: Annotated[
        str, typer.Option(help="Writes PREFIX_KEY_document.bin and .idx for each key.")
    ] = ...,  # type: ignore[assignment]
    json_keys: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY", help="A field to tokenize (default: text). Can be repeated."),
    ] = None,
    append_eod: Annotated[
        bool, typer.Option("--append-eod", help="Append an end-of-document token to each text.")
    ] = False,
    bos: Annotated[str | None, typer.Option(help="BOS token: tokenizer, always, never.")] = None,
    eod: Annotated[str | None, typer.Option(help="The token that --append-eod appends.")] = None,
    empty: Annotated[str | None, typer.Option(help="Empty documents: keep, drop, error.")] = None,
    specials: Annotated[str | None, typer.Option(help="Special tokens: parse, as_text.")] = None,
    surrogates: Annotated[str | None, typer.Option(help="Lone surrogates: error, replace.")] = None,
    engine: Annotated[str | None, typer.Option(help="auto, fastokens, tokenizers.")] = None,
    on_error: Annotated[str | None, typer.Option(help="Invalid rows: fail, skip.")] = None,
    max_errors: Annotated[int | None, typer.Option(help="Fail if more rows are skipped.")] = None,
    partitions: _IgnoredOption = None,
    keep_sequential_samples: Annotated[
        bool, typer.Option("--keep-sequential-samples", hidden=True, help="Has no effect.")
    ] = False,
    log_interval: _IgnoredOption = None,
    workers: WorkersOption = None,
    dry_run: DryRunOption = False,
    format: FormatOption = OutputFormat.HUMAN,
    quiet: QuietOption = False,
) -> None:
    """Tokenize JSON Lines into Megatron's indexed dataset (.bin and .idx).

    Writes the same bytes as tools/preprocess_data.py of Megatron-LM.
    """
    from penstock.executors import LocalExecutor
    from penstock.recipes import load_tokenize

    output = Output(format, quiet)
    if partitions or keep_sequential_samples or log_interval:
        output.hint(
            "--partitions, --keep-sequential-samples and --log-interval have no effect: --workers "
            "splits any input, and the order of its rows is always kept"
        )
    given: dict[str, Any] = {"bos": bos, "eod": eod, "empty": empty, "specials": specials}
    given |= {"surrogates": surrogates, "engine": engine}
    given |= {"on_error": on_error, "max_errors": max_errors}
    options = {name: value for name, value in given.items() if value is not None}
    sources = [*(inputs or ()), *(input or ())]
    # Every key is validated before the first is tokenized.
    plans = [
        load_tokenize(
            sources, tokenizer, output_prefix, key=key, append_eod=append_eod, options=options
        )
        for key in json_keys or ["text"]
    ]
    for plan in plans:
        (show_plan if dry_run else run_plan)(plan, output, LocalExecutor(workers=workers))
