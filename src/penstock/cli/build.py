"""`penstock build`: run a recipe, and show its plan, progress and result."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import RenderableType
from rich.markup import escape
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn

from penstock.cli._options import DryRunOption, OverridesArgument, WorkersOption
from penstock.cli._output import (
    FormatOption,
    Output,
    OutputFormat,
    QuietOption,
    handle_errors,
    interrupt_on_signals,
)
from penstock.cli._tables import FoldingTable
from penstock.files import plural

if TYPE_CHECKING:
    from penstock.executors import Executor
    from penstock.recipes import BuildPlan, Built, Estimate
    from penstock.recipes import Progress as BuildProgress

#: How many of the skipped rows are listed.
_SHOWN_SKIPS = 5
_UNITS = (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")


@handle_errors
def build(
    recipe: Annotated[Path, typer.Argument(help="The recipe's YAML file.")],
    overrides: OverridesArgument = None,
    dry_run: DryRunOption = False,
    workers: WorkersOption = None,
    executor: Annotated[
        str, typer.Option(help="Where the build runs: local, slurm or ray.")
    ] = "local",
    executor_option: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="A setting of the executor. Can be repeated."),
    ] = None,
    format: FormatOption = OutputFormat.HUMAN,
    quiet: QuietOption = False,
) -> None:
    """Build a dataset from a recipe: source, steps, output format.

    Run the same command again to resume an interrupted build; the bytes are the same.
    """
    from penstock.config import Document, apply_overrides
    from penstock.executors import executor as load_executor
    from penstock.recipes import load_recipe

    output = Output(format, quiet)
    plan = load_recipe(recipe, overrides or ())
    settings = Document({}, "command line")
    apply_overrides(settings, executor_option or ())
    runner = load_executor(executor, workers, settings.data)
    (show_plan if dry_run else run_plan)(plan, output, runner)


def show_plan(plan: BuildPlan, output: Output, executor: Executor) -> None:
    """Print what a build would do, and the job script that it would submit."""
    from penstock.recipes import estimate

    expected = None if plan.done else estimate(plan)
    document = {**_plan_document(plan, expected), "script": executor.render(plan.input_splits)}
    script = [escape(document["script"])] if document["script"] else []
    output.show(document, [document], lambda: [*_plan_lines(plan, expected), *script])


def run_plan(plan: BuildPlan, output: Output, executor: Executor) -> None:
    """Run a build with a progress bar, and print its result."""
    from penstock.recipes import execute

    if plan.finished:
        output.hint(f"{len(plan.finished)} of {len(plan.input_splits)} input splits already built")
    start = time.perf_counter()
    try:
        with interrupt_on_signals(), _build_progress(output) as on_progress:
            built = execute(plan, executor, on_progress)
    except KeyboardInterrupt:
        output.hint("run the same command again to resume from the finished input splits")
        raise
    seconds = time.perf_counter() - start
    document = _built_document(built, seconds)
    output.show(document, [document], lambda: _built_lines(built, seconds))


def _format_size(size: float) -> str:
    """Return a number of bytes as text: `31.9 MiB`."""
    for unit, name in _UNITS:
        if size >= unit:
            return f"{size / unit:,.1f} {name}"
    return plural(int(size), "byte")


def _plan_document(plan: BuildPlan, expected: Estimate | None) -> dict[str, Any]:
    recipe = plan.recipe
    return {
        "output": str(recipe.output),
        "format": recipe.format.name,
        "state": "done" if plan.done else "to do",
        "inputs": plan.inputs,
        "input_bytes": plan.input_bytes,
        "input_splits": len(plan.input_splits),
        "finished_input_splits": len(plan.finished),
        "steps": recipe.labels,
        "left_out": list((recipe.file.preset or {}).get("left_out", [])),
        "estimate": asdict(expected) if expected else None,
    }


def _plan_lines(plan: BuildPlan, expected: Estimate | None) -> Iterator[RenderableType]:
    document = _plan_document(plan, expected)
    files = plural(len({work.input_split.path for work in plan.input_splits}), "file")
    splits = plural(len(plan.input_splits), "input split")
    finished = f", {len(plan.finished)} of them finished" if plan.finished else ""
    yield f"[bold]{escape(document['output'])}[/]  {document['format']}, {document['state']}"
    yield f"  input   {files}, {_format_size(plan.input_bytes)}, {splits}{finished}"
    yield f"  steps   {' > '.join(document['steps']) or 'none'}"
    yield from _left_out_lines(plan.recipe.file.preset)
    if not expected:
        return
    about = "" if expected.exact else "about "
    tokens = plural(expected.tokens, "token" if plan.recipe.in_tokens else "byte")
    yield f"  expect  {about}{plural(expected.documents, 'document')}, {tokens}"
    if expected.rows is not None and expected.shards is not None and expected.bytes is not None:
        rows, shards = plural(expected.rows, "row"), plural(expected.shards, "shard")
        yield f"  write   {about}{rows} in {shards}, {_format_size(expected.bytes)}"


@contextmanager
def _build_progress(output: Output) -> Iterator[Callable[[BuildProgress], None]]:
    """Show a build on stderr, with rates and the time left; yield the function that updates it."""
    start = time.perf_counter()
    with output.progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[rates]}"),
        TimeRemainingColumn(),
    ) as bars:
        read = bars.add_task("reading", total=None, rates="")
        written = bars.add_task("writing", total=None, rates="", visible=False)

        def on_progress(now: BuildProgress) -> None:
            seconds = time.perf_counter() - start
            rates = _rates(now.documents, now.tokens, seconds, in_tokens=now.in_tokens)
            bars.update(read, completed=now.bytes_done, total=max(now.bytes_total, 1), rates=rates)
            if now.shards_total:
                done, total = now.shards_done, now.shards_total
                shards = f"{done} of {plural(total, 'shard')}"
                bars.update(written, completed=done, total=total, visible=True, rates=shards)

        yield on_progress


def _built_document(built: Built, seconds: float) -> dict[str, Any]:
    manifest = built.manifest
    return {
        "output": str(built.path),
        "format": manifest.format,
        "fresh": built.fresh,
        "counts": manifest.counts,
        "steps": [asdict(report) for report in manifest.steps],
        "files": len(manifest.files),
        "bytes": sum(entry.size for entry in manifest.files),
        "tokenizer": manifest.tokenizer,
        "synthetic": manifest.synthetic,
        "statistics": manifest.statistics,
        "seconds": round(seconds, 3),
    }


def _built_lines(built: Built, seconds: float) -> Iterator[RenderableType]:
    from penstock.manifest import BuildRecipe
    from penstock.recipes import summary_tables

    manifest, recipe = built.manifest, built.manifest.recipe
    assert isinstance(recipe, BuildRecipe)
    files = plural(len(manifest.files), "file")
    size = _format_size(sum(entry.size for entry in manifest.files))
    yield f"[bold]{escape(str(built.path))}[/]  {manifest.format}, {files}, {size}"
    if not built.fresh:
        yield "  already built from the same recipe and inputs"
        return
    if manifest.synthetic:
        yield "  [bold yellow]random tokens[/]: only for measuring speed, not for training"
    yield from _left_out_lines(recipe.preset)
    for table in summary_tables(manifest):
        yield FoldingTable(table.columns, table.rows)
        yield ""
    if tokenizer := manifest.tokenizer:
        engine = f"{tokenizer['engine']} {tokenizer['engine_version']}"
        if tokenizer.get("engine_reason"):
            engine += f" ({escape(str(tokenizer['engine_reason']))})"
        yield f"  tokenizer {escape(str(tokenizer['path']))}, encoded by {engine}"
    shown = manifest.skipped[:_SHOWN_SKIPS]
    for row in shown:
        yield f"  [yellow]dropped[/] {escape(row.file)}:{row.line}: {escape(row.reason)}"
    if (more := manifest.skipped_rows - len(shown)) > 0:
        yield f"  [yellow]dropped[/] {plural(more, 'more row')}"
    read = manifest.steps[0].kept
    in_tokens = any(name.endswith(".tokens") for name in manifest.counts)
    yield f"  {seconds:.1f} s, {_rates(read, built.tokens, seconds, in_tokens=in_tokens)}"


def _left_out_lines(preset: Mapping[str, Any] | None) -> Iterator[str]:
    if left_out := (preset or {}).get("left_out"):
        yield f"  [yellow]left out[/] {', '.join(left_out)}, as the recipe says"


def _rates(rows: int, tokens: int, seconds: float, *, in_tokens: bool) -> str:
    seconds = max(seconds, 1e-9)
    unit = "M tokens/s" if in_tokens else "MB/s"
    return f"{rows / seconds:,.0f} rows/s, {tokens / seconds / 1e6:,.2f} {unit}"
