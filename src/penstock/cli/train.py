"""`penstock train`: carry the grid of an experiment."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import RenderableType
from rich.markup import escape

from penstock.cli._grid import (
    GridProgress,
    counts_line,
    outcome_document,
    outcome_lines,
    outcome_row,
    plan_document,
    plan_lines,
    plan_rows,
)
from penstock.cli._output import (
    FormatOption,
    Output,
    OutputFormat,
    QuietOption,
    handle_errors,
    interrupt_on_signals,
)
from penstock.files import plural

if TYPE_CHECKING:
    from penstock.experiments import Detached, GridOutcome, Plan

#: Part of a grid failed.
EXIT_FAILED = 3


@handle_errors
def train(
    experiment: Annotated[Path, typer.Argument(help="The experiment's YAML file.")],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY.PATH=VALUE", help="Values that replace the file's."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the resolved runs, and create nothing.")
    ] = False,
    format: FormatOption = OutputFormat.HUMAN,
    quiet: QuietOption = False,
) -> None:
    """Train every run of an experiment that is not done yet.

    Exits with 0 if every run is done, 3 if a run failed, 130 if interrupted.
    """
    from penstock.experiments import load_experiment, train_detached

    output = Output(format, quiet)
    given = tuple(overrides or ())
    plan = load_experiment(experiment, given)
    for note in plan.notes:
        output.hint(f"[yellow]note:[/] {escape(note)}")
    if dry_run:
        output.show(plan_document(plan), plan_rows(plan), lambda: plan_lines(plan))
        return
    _announce(plan, output)
    if not plan.experiment.wait_for_completion and plan.to_do:
        started = train_detached(experiment, given, plan)
        row = {"pid": started.pid, "log": str(started.log)}
        purpose = plan.experiment.experiment.purpose
        output.show(row, [row], lambda: _detached_lines(started, purpose))
        return
    outcome = _carry(plan, output)
    with suppress(BrokenPipeError):
        _show(outcome, output)
    if outcome.failed:
        raise typer.Exit(EXIT_FAILED)


def _announce(plan: Plan, output: Output) -> None:
    kept = ", ".join(f"{n} {s}" for s, n in plan.counts().items() if s in ("done", "running"))
    count = plural(len(plan.runs), "run")
    output.hint(f"{count}, {len(plan.to_do)} to do" + (f" ({kept})" if kept else ""))


def _carry(plan: Plan, output: Output) -> GridOutcome:
    from penstock.experiments import train as train_grid

    try:
        with interrupt_on_signals(), GridProgress(plan, output) as progress:
            return train_grid(plan, listener=progress.on_progress)
    except KeyboardInterrupt:
        with suppress(BrokenPipeError):
            output.hint(f"{counts_line(plan)}; the same command goes on from here")
        raise


def _show(outcome: GridOutcome, output: Output) -> None:
    runs = outcome.plan.runs
    if output.format is OutputFormat.JSONL:
        # Those that were carried now had their line when they ended.
        runs = [run for run in runs if run not in outcome.carried]
    rows = [outcome_row(run) for run in runs]
    output.show(outcome_document(outcome), rows, lambda: outcome_lines(outcome))


def _detached_lines(started: Detached, purpose: str) -> list[RenderableType]:
    return [
        f"carried in the background by process {started.pid} (stop it: kill {started.pid})",
        f"log: {escape(str(started.log))}",
        f"see: penstock results --purpose {escape(purpose)}",
    ]
