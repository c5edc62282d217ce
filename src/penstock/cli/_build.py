"""How a build is shown: its plan, its progress and its result."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType
from rich.markup import escape
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn

from penstock.cli._output import Output
from penstock.cli._tables import FoldingTable
from penstock.files import plural

if TYPE_CHECKING:
    from penstock.recipes import BuildPlan, Built, Estimate
    from penstock.recipes import Progress as BuildProgress

#: How many of the skipped rows are listed.
_SHOWN_SKIPS = 5
_UNITS = (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")


def format_size(size: float) -> str:
    """Return a number of bytes as text: `31.9 MiB`."""
    for unit, name in _UNITS:
        if size >= unit:
            return f"{size / unit:,.1f} {name}"
    return plural(int(size), "byte")


def plan_document(plan: BuildPlan, expected: Estimate | None) -> dict[str, Any]:
    """Return the plan of a build as one mapping."""
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


def plan_lines(plan: BuildPlan, expected: Estimate | None) -> Iterator[RenderableType]:
    """Yield the plan of a build as text."""
    document = plan_document(plan, expected)
    files = plural(len({work.input_split.path for work in plan.input_splits}), "file")
    splits = plural(len(plan.input_splits), "input split")
    finished = f", {len(plan.finished)} of them finished" if plan.finished else ""
    yield f"[bold]{escape(document['output'])}[/]  {document['format']}, {document['state']}"
    yield f"  input   {files}, {format_size(plan.input_bytes)}, {splits}{finished}"
    yield f"  steps   {' > '.join(document['steps']) or 'none'}"
    yield from _left_out_lines(plan.recipe.file.preset)
    if not expected:
        return
    about = "" if expected.exact else "about "
    unit = "token" if plan.recipe.in_tokens else "byte"
    documents, tokens = plural(expected.documents, "document"), plural(expected.tokens, unit)
    yield f"  expect  {about}{documents}, {tokens}"
    if expected.rows is not None and expected.shards is not None and expected.bytes is not None:
        rows, shards = plural(expected.rows, "row"), plural(expected.shards, "shard")
        yield f"  write   {about}{rows} in {shards}, {format_size(expected.bytes)}"


@contextmanager
def build_progress(output: Output) -> Iterator[Callable[[BuildProgress], None]]:
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
                shards = f"{now.shards_done} of {plural(now.shards_total, 'shard')}"
                bars.update(
                    written,
                    completed=now.shards_done,
                    total=now.shards_total,
                    visible=True,
                    rates=shards,
                )

        yield on_progress


def built_document(built: Built, seconds: float) -> dict[str, Any]:
    """Return the result of a build as one mapping."""
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


def built_lines(built: Built, seconds: float) -> Iterator[RenderableType]:
    """Yield the result of a build: the rows kept and dropped by each step, and the dataset."""
    from penstock.manifest import BuildRecipe
    from penstock.recipes import summary_tables

    manifest, recipe = built.manifest, built.manifest.recipe
    assert isinstance(recipe, BuildRecipe)
    files = plural(len(manifest.files), "file")
    size = format_size(sum(entry.size for entry in manifest.files))
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
    """Yield a line with the splits that a preset leaves out, if any."""
    if left_out := (preset or {}).get("left_out"):
        yield f"  [yellow]left out[/] {', '.join(left_out)}, as the recipe says"


def _rates(rows: int, tokens: int, seconds: float, *, in_tokens: bool) -> str:
    seconds = max(seconds, 1e-9)
    unit = "M tokens/s" if in_tokens else "MB/s"
    return f"{rows / seconds:,.0f} rows/s, {tokens / seconds / 1e6:,.2f} {unit}"
