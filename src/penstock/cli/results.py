"""`penstock results`: every run with its state and scores."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import RenderableType
from rich.markup import escape
from rich.text import Text

from penstock.cli._options import PurposeOption, ResultsOption
from penstock.cli._output import FormatOption, Output, OutputFormat, QuietOption, handle_errors
from penstock.cli._tables import FoldingTable, format_value

if TYPE_CHECKING:
    from penstock.report import ResultRow

#: Hyperparameters that are always shown.
_ALWAYS_SHOWN = ("learning_rate", "seed")
_COLOURS = {"done": "green", "running": "cyan", "interrupted": "yellow", "failed": "red"}


@handle_errors
def results(
    purpose: PurposeOption = None,
    detail: Annotated[
        bool, typer.Option("--detail", help="Also show directories, steps, times and failures.")
    ] = False,
    root: ResultsOption = Path("Results"),
    format: FormatOption = OutputFormat.HUMAN,
    quiet: QuietOption = False,
) -> None:
    """List the runs with their states and scores."""
    from penstock.report import results as read_results

    rows = read_results(root, purpose)
    output = Output(format, quiet)
    flat = [row.to_dict() for row in rows]
    output.show({"runs": flat}, flat, lambda: _blocks(rows) if detail else _tables(rows))
    if not rows:
        output.hint(f"{escape(str(root / (purpose or '')))} holds no runs")


def _tables(rows: list[ResultRow]) -> Iterator[RenderableType]:
    """Yield a heading and a table with one line per run for each purpose and model."""
    names = ("task", "method", "data")
    for index, (heading, group) in enumerate(groupby(rows, key=_heading)):
        yield ("\n" if index else "") + f"[bold]{escape(heading)}[/]"
        members = list(group)
        varying = _varying_columns(members)
        cells = []
        for row in members:
            columns, result = row.columns(), row.record.result
            settings = (columns.get(name) for name in (*varying, "seed"))
            scores: list[str | None] = [None, None, None]
            if result:
                scores = [f"{result.dev_score:.3f}", f"{result.score:.3f}", result.metric]
            common = [*(columns[name] for name in names), row.learning_rate]
            cells.append([*common, *settings, _state(row), *scores])
        header = [*names, "lr", *varying, "seed", "state", "dev", "score", "metric"]
        yield FoldingTable(header, cells)


def _varying_columns(rows: list[ResultRow]) -> list[str]:
    from penstock.runs import varying_hyperparameters

    configs = [row.record.config for row in rows]
    trainer = ["trainer"] if len({config.trainer for config in configs}) > 1 else []
    varying = varying_hyperparameters(configs)
    return [*trainer, *(name for name in varying if name not in _ALWAYS_SHOWN)]


def _heading(row: ResultRow) -> str:
    return f"{row.record.config.purpose}  {row.record.config.model_label}"


def _state(row: ResultRow) -> Text:
    state, failure = row.record.state.value, row.record.failure
    text = f"{state}: {failure.kind.value}" if failure else state
    if row.step is not None:
        text += f" at step {row.step}"
    return Text(text, style=_COLOURS[state])


def _blocks(rows: list[ResultRow]) -> Iterator[RenderableType]:
    for _, group in groupby(rows, key=_heading):
        members = list(group)
        varying = _varying_columns(members)
        for row in members:
            yield "\n".join(_block(row, varying))


def _block(row: ResultRow, varying: list[str]) -> list[str]:
    values, record, result = row.to_dict(), row.record, row.record.result
    state = record.state.value
    settings = "".join(
        f" {name} {format_value(values[name])}"
        for name in ("learning_rate", *varying, "seed")
        if name in values
    )
    title = f"{_heading(row)}  {values['task']} {values['method']} {values['data']}{settings}"
    lines = [f"[bold]{escape(title)}[/]  [{_COLOURS[state]}]{state}[/]"]
    if result:
        rows = f"{result.evaluation_rows} rows"
        if result.evaluation_tokens is not None:
            rows = f"{result.evaluation_tokens:,} answer tokens of {rows}"
        chance = f", chance {result.chance:.3f}" if result.chance is not None else ""
        lines += [
            f"  {result.metric} {result.score:.3f} on {rows}, dev {result.dev_score:.3f}{chance}",
            f"  best step {result.best_step} of {result.steps}, {result.train_rows} train rows, "
            f"{result.seconds:.0f} s",
        ]
        dropped, truncated = result.dropped_rows, result.truncated_rows
        if truncated is None:
            lines.append(f"  {dropped} rows dropped; the trainer does not report truncated rows")
        elif dropped or truncated:
            lines.append(f"  {dropped} rows dropped and {truncated} truncated for their length")
    times = f"started {record.started}" + (f", ended {record.finished}" if record.finished else "")
    lines += [
        f"  {times}, {record.device} of {escape(record.host)}",
        f"  {escape(values['directory'])}",
    ]
    if row.failure:
        lines.append(f"  [red]{escape(row.failure)}[/]")
        lines.append(f"  log: {escape(str(row.directory.log_file(record.config, 'err')))}")
    return lines
