"""`penstock results`: every run with its state and its scores."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import RenderableType
from rich.markup import escape
from rich.text import Text

from penstock.cli._output import FormatOption, Output, OutputFormat, QuietOption, handle_errors
from penstock.cli._runs import PurposeOption, ResultsOption
from penstock.cli._tables import FoldingTable, format_value

if TYPE_CHECKING:
    from penstock.report import ResultRow
    from penstock.runs import RunResult

#: Hyperparameters with a column of their own.
_OWN = ("learning_rate", "seed")
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
    """Yield a heading and a table, one line a run, for each purpose and model."""
    names = ("task", "method", "data")
    for index, (heading, group) in enumerate(groupby(rows, key=_heading)):
        yield ("\n" if index else "") + f"[bold]{escape(heading)}[/]"
        members = list(group)
        told = _told(members)
        cells = []
        for row in members:
            columns, result = row.columns(), row.record.result
            cells.append(
                [
                    *(columns[name] for name in names),
                    format_value(row.learning_rate),
                    *(columns.get(name) for name in told),
                    columns.get("seed"),
                    _state(row),
                    f"{result.dev_score:.3f}" if result else None,
                    f"{result.score:.3f}" if result else None,
                    result.metric if result else None,
                ]
            )
        head = [*names, "rate", *told, "seed", "state", "dev", "score", "metric"]
        yield FoldingTable(head, cells)


def _told(rows: list[ResultRow]) -> list[str]:
    """Return what tells runs of one heading apart beside what is shown of all."""
    from penstock.runs import varying_hyperparameters

    configs = [row.record.config for row in rows]
    trainer = ["trainer"] if len({config.trainer for config in configs}) > 1 else []
    return [*trainer, *(name for name in varying_hyperparameters(configs) if name not in _OWN)]


def _heading(row: ResultRow) -> str:
    return f"{row.record.config.purpose}  {row.record.config.model_label}"


def _state(row: ResultRow) -> Text:
    """Return the state in its colour, with the kind of failure."""
    state, failure = row.record.state.value, row.record.failure
    words = f"{state}: {failure.kind.value}" if failure else state
    if row.step is not None:
        words += f" at step {row.step}"
    return Text(words, style=_COLOURS[state])


def _blocks(rows: list[ResultRow]) -> Iterator[RenderableType]:
    """Yield everything about each run, a block of lines each."""
    for _, group in groupby(rows, key=_heading):
        members = list(group)
        told = _told(members)
        for row in members:
            yield "\n".join(_block(row, told))


def _block(row: ResultRow, told: list[str]) -> list[str]:
    values, record, result = row.to_dict(), row.record, row.record.result
    state = record.state.value
    settings = "".join(f" {name} {format_value(values[name])}" for name in told if name in values)
    head = (
        f"{_heading(row)}  {values['task']} {values['method']} {values['data']} "
        f"{format_value(row.learning_rate)}{settings} seed {format_value(values.get('seed'))}"
    )
    lines = [f"[bold]{escape(head)}[/]  [{_COLOURS[state]}]{state}[/]"]
    if result:
        lines.append(
            f"  {result.metric} {result.score:.3f} on {_rows_of(result)}, "
            f"dev {result.dev_score:.3f}"
            + (f", chance {result.chance:.3f}" if result.chance is not None else "")
        )
        lines.append(
            f"  best step {result.best_step} of {result.steps}, {result.train_rows} train rows, "
            f"{result.seconds:.0f} s"
        )
        if result.dropped_rows or result.truncated_rows:
            lines.append(
                f"  {result.dropped_rows} rows left out for their length, "
                f"{result.truncated_rows} cut"
            )
        if result.truncated_rows is None:
            lines.append("  rows cut for their length are not counted: the trainer does not tell")
    times = f"started {record.started}" + (f", ended {record.finished}" if record.finished else "")
    lines += [
        f"  {times}, {record.device} of {escape(record.host)}",
        f"  {escape(values['directory'])}",
    ]
    if row.failure:
        lines.append(f"  [red]{escape(row.failure)}[/]")
        lines.append(f"  log: {escape(str(row.directory.log_file(record.config, 'err')))}")
    return lines


def _rows_of(result: RunResult) -> str:
    """Return how much was evaluated, such as `120 rows`."""
    if result.evaluation_tokens is None:
        return f"{result.evaluation_rows} rows"
    return f"{result.evaluation_tokens:,} answer tokens of {result.evaluation_rows} rows"
