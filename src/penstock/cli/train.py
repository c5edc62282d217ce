"""`penstock train`: execute the grid of an experiment."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from penstock.cli import _grid
from penstock.cli._options import DryRunOption, OverridesArgument
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
    from penstock.experiments import GridOutcome, GridPlan

#: Exit code when part of the grid failed.
EXIT_FAILED = 3


@handle_errors
def train(
    experiment: Annotated[Path, typer.Argument(help="The experiment's YAML file.")],
    overrides: OverridesArgument = None,
    dry_run: DryRunOption = False,
    format: FormatOption = OutputFormat.HUMAN,
    quiet: QuietOption = False,
) -> None:
    """Train every run of an experiment that is not done yet.

    Exit codes: 0 when no run is left to do, 3 when a run failed, 130 when interrupted.
    """
    from penstock.experiments import load_experiment, train_detached

    output = Output(format, quiet)
    given = tuple(overrides or ())
    plan = load_experiment(experiment, given)
    for note in plan.notes:
        output.hint(f"[yellow]note:[/] {escape(note)}")
    if dry_run:
        document, rows = _grid.plan_document(plan), _grid.plan_rows(plan)
        output.show(document, rows, lambda: _grid.plan_lines(plan))
        return
    skipped = ", ".join(f"{n} {s}" for s, n in plan.counts().items() if s in ("done", "running"))
    count = plural(len(plan.runs), "run")
    output.hint(f"{count}, {len(plan.to_do)} to do" + (f" ({skipped})" if skipped else ""))
    if not plan.experiment.wait_for_completion and plan.to_do:
        started = train_detached(experiment, given, plan)
        row: dict[str, Any] = {"pid": started.pid, "log": str(started.log)}
        lines = [
            f"running in the background as process {started.pid} (to stop it: kill {started.pid})",
            f"log: {escape(row['log'])}",
            f"state: penstock results --purpose {escape(plan.experiment.experiment.purpose)}",
        ]
        output.show(row, [row], lambda: lines)
        return
    outcome = _train(plan, output)
    runs = outcome.plan.runs
    document = {"counts": outcome.plan.counts(), "runs": list(map(_grid.outcome_row, runs))}
    if output.format is OutputFormat.JSONL:
        # The runs of this call were printed as they ended.
        runs = [run for run in runs if run not in outcome.executed]
    with suppress(BrokenPipeError):
        printed = map(_grid.outcome_row, runs)
        output.show(document, printed, lambda: _grid.outcome_lines(outcome))
    if outcome.failed:
        raise typer.Exit(EXIT_FAILED)


def _train(plan: GridPlan, output: Output) -> GridOutcome:
    from penstock.experiments import train as train_grid

    try:
        with interrupt_on_signals(), _grid.GridProgress(plan, output) as progress:
            return train_grid(plan, listener=progress.on_progress)
    except KeyboardInterrupt:
        with suppress(BrokenPipeError):
            output.hint(f"{_grid.counts_line(plan)}; run the same command again to continue")
        raise
