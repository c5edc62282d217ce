"""How a build is shown: its plan, its progress, and what it made."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from rich.console import RenderableType
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from penstock.cli._output import Output
from penstock.cli._table import FoldingTable
from penstock.files import plural

if TYPE_CHECKING:
    from penstock.recipes import Built, Estimate, Plan
    from penstock.recipes import Progress as BuildProgress

#: How many of the rows that were left out are named.
_SHOWN_SKIPS = 5
_STEPS = (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")


def size(number: float) -> str:
    """Return a number of bytes for people: `31.9 MiB`."""
    for unit, name in _STEPS:
        if number >= unit:
            return f"{number / unit:,.1f} {name}"
    return plural(int(number), "byte")


def plan_document(plan: Plan, expected: Estimate | None) -> dict[str, Any]:
    """Return the plan of a build as one mapping."""
    recipe = plan.recipe
    return {
        "output": str(recipe.output),
        "format": recipe.format.name,
        "state": "done" if plan.done else "to do",
        "inputs": plan.inputs,
        "input_bytes": plan.input_bytes,
        "input_splits": len(plan.input_splits),
        "finished_pieces": len(plan.finished),
        "steps": list(recipe.step_names),
        "left_out": _left_out(recipe.file.preset),
        "estimate": asdict(expected) if expected else None,
    }


def plan_lines(plan: Plan, expected: Estimate | None) -> list[RenderableType]:
    """Return the plan of a build for people."""
    said = plan_document(plan, expected)
    left = f", {len(plan.finished)} of them finished" if plan.finished else ""
    files = plural(len({work.input_split.path for work in plan.input_splits}), "file")
    lines = [
        f"[bold]{escape(said['output'])}[/]  {said['format']}, {said['state']}",
        f"  input   {files}, {size(plan.input_bytes)}, {plural(len(plan.input_splits), 'input split')}{left}",
        f"  steps   {' > '.join(said['steps']) or 'none'}",
        *_left_out_lines(said["left_out"]),
    ]
    if expected:
        about = "" if expected.exact else "about "
        unit = "token" if plan.recipe.in_tokens else "byte"
        documents, tokens = plural(expected.documents, "document"), plural(expected.tokens, unit)
        lines.append(f"  expect  {about}{documents}, {tokens}")
        if expected.rows is not None and expected.shards is not None and expected.bytes is not None:
            rows, shards = plural(expected.rows, "row"), plural(expected.shards, "shard")
            lines.append(f"  write   {about}{rows} in {shards}, {size(expected.bytes)}")
    return list(lines)


class BuildBar:
    """Shows how far a build is on stderr, with its rates and the time left."""

    def __init__(self, output: Output) -> None:
        self._began = time.perf_counter()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[rates]}"),
            TimeRemainingColumn(),
            console=output.errors,
            transient=True,
            disable=output.quiet or not output.human or not sys.stderr.isatty(),
        )

    def __enter__(self) -> Self:
        self._bar.start()
        self._read = self._bar.add_task("reading", total=None, rates="")
        self._written = self._bar.add_task("writing", total=None, rates="", visible=False)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    @property
    def seconds(self) -> float:
        """Wall time since the bar was made."""
        return time.perf_counter() - self._began

    def heard(self, progress: BuildProgress) -> None:
        """Show what the build says."""
        rates = _rates(
            progress.documents, progress.tokens, self.seconds, in_tokens=progress.in_tokens
        )
        total = max(progress.bytes_total, 1)
        done = progress.bytes_done
        self._bar.update(self._read, completed=done, total=total, rates=rates)
        if progress.shards_total:
            self._bar.update(
                self._written,
                completed=progress.shards_done,
                total=progress.shards_total,
                visible=True,
                rates=f"{progress.shards_done} of {plural(progress.shards_total, 'shard')}",
            )


def built_document(built: Built, seconds: float) -> dict[str, Any]:
    """Return what was built as one mapping."""
    manifest = built.manifest
    return {
        "output": str(built.path),
        "format": manifest.format,
        "fresh": built.fresh,
        "counts": manifest.counts,
        "files": len(manifest.files),
        "bytes": sum(entry.size for entry in manifest.files),
        "tokenizer": manifest.tokenizer,
        "synthetic": bool(manifest.recipe.get("synthetic")),
        "statistics": manifest.statistics,
        "seconds": round(seconds, 3),
    }


def built_lines(built: Built, seconds: float) -> list[RenderableType]:
    """Return what was built for people: what each step kept and dropped, and what is there now."""
    from penstock.recipes import summary_tables

    manifest = built.manifest
    files = plural(len(manifest.files), "file")
    weight = size(sum(entry.size for entry in manifest.files))
    head = f"[bold]{escape(str(built.path))}[/]  {manifest.format}, {files}, {weight}"
    if not built.fresh:
        return [f"{head}", "  stands already, built from the same recipe, input and code"]
    recipe = manifest.recipe
    left_out = _left_out_lines(_left_out(recipe.get("preset")))
    lines: list[RenderableType] = [head, *_synthetic_lines(recipe), *left_out]
    for table in summary_tables(manifest):
        lines += [FoldingTable(table.columns, table.rows), ""]
    if manifest.tokenizer:
        lines.append(_tokenizer_line(manifest.tokenizer))
    lines += [
        f"  [yellow]left out[/] {escape(row.file)}:{row.line}: {escape(row.reason)}"
        for row in manifest.skipped[:_SHOWN_SKIPS]
    ]
    out = sum(manifest.counts.get(name, 0) for name in ("skipped", "left_out"))
    more = out - len(manifest.skipped[:_SHOWN_SKIPS])
    if more > 0:
        lines.append(f"  [yellow]left out[/] {plural(more, 'row')} more")
    read = manifest.counts.get("read", built.documents)
    in_tokens = any(name.endswith(".tokens") for name in manifest.counts)
    lines.append(f"  {seconds:.1f} s, {_rates(read, built.tokens, seconds, in_tokens=in_tokens)}")
    return lines


def _synthetic_lines(recipe: Mapping[str, Any]) -> list[str]:
    if not recipe.get("synthetic"):
        return []
    return ["  [bold yellow]random tokens[/]: for measuring speed alone, nothing can be learned"]


def _left_out(preset: Mapping[str, Any] | None) -> list[str]:
    """Return which splits a named recipe was told to do without."""
    return list((preset or {}).get("left_out", []))


def _left_out_lines(left_out: Sequence[str]) -> list[str]:
    return [f"  [yellow]left out[/] {', '.join(left_out)}, as the recipe says"] if left_out else []


def _tokenizer_line(tokenizer: Mapping[str, Any]) -> str:
    engine = f"{tokenizer['engine']} {tokenizer['engine_version']}"
    reason = tokenizer.get("engine_reason")
    said = f" ({escape(str(reason))})" if reason else ""
    return f"  tokenizer {escape(str(tokenizer['path']))}, encoded by {engine}{said}"


def _rates(rows: int, tokens: int, seconds: float, *, in_tokens: bool) -> str:
    seconds = max(seconds, 1e-9)
    unit = "M tokens/s" if in_tokens else "MB/s"
    return f"{rows / seconds:,.0f} rows/s, {tokens / seconds / 1e6:,.2f} {unit}"
