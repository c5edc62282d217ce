"""`penstock train`: carry the grid of an experiment."""

from __future__ import annotations

import signal
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import RenderableType
from rich.markup import escape

from penstock.cli._output import Format, FormatOption, Output, QuietOption, guarded
from penstock.cli._plan import plan_document, plan_rows, plan_tables

if TYPE_CHECKING:
    from penstock.experiments import GridOutcome, Plan, PlannedRun

#: Part of a grid failed.
EXIT_FAILED = 3


@guarded
def train(
    experiment: Annotated[Path, typer.Argument(help="The experiment's YAML file.")],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY.PATH=VALUE]...", help="Values instead of the file's."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the resolved runs; create nothing.")
    ] = False,
    format: FormatOption = Format.HUMAN,
    quiet: QuietOption = False,
) -> None:
    """Train every run of an experiment that is not done yet.

    Exits with 0 when every run is done, 3 when one failed, 130 when interrupted.
    """
    from penstock.experiments import load_experiment, train_detached

    output = Output(format, quiet)
    given = tuple(overrides or ())
    plan = load_experiment(experiment, given)
    for note in plan.notes:
        output.hint(f"[yellow]note:[/] {escape(note)}")
    if dry_run:
        output.show(plan_document(plan), plan_rows(plan), lambda: plan_tables(plan))
        return
    _announce(plan, output)
    if not plan.experiment.wait_for_completion and any(run.to_do for run in plan.runs):
        started = train_detached(experiment, given, plan)
        output.event(
            {"event": "detached", "pid": started.pid, "log": str(started.log)},
            f"carried in the background by process {started.pid} (stop it: kill {started.pid})\n"
            f"log: {started.log}\nsee: penstock results "
            f"--purpose {plan.experiment.experiment.purpose}",
        )
        return
    outcome = _carry(plan, output)
    output.show(_outcome_document(outcome), [], lambda: _outcome_tables(outcome))
    if any(run.state != "running" for run in outcome.failed):
        raise typer.Exit(EXIT_FAILED)


def _carry(plan: Plan, output: Output) -> GridOutcome:
    """Carry the plan with progress; `kill` stops it as Ctrl-C does."""
    from penstock.cli._progress import GridProgress
    from penstock.experiments import train as train_grid

    def interrupt(signum: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        with GridProgress(plan, output) as progress:
            return train_grid(plan, listener=progress.heard)
    finally:
        signal.signal(signal.SIGTERM, before)


def _announce(plan: Plan, output: Output) -> None:
    to_do = sum(run.to_do for run in plan.runs)
    kept = ", ".join(f"{n} {s}" for s, n in plan.counts().items() if s in ("done", "running"))
    output.hint(f"{len(plan.runs)} runs, {to_do} to do" + (f" ({kept})" if kept else ""))


def _outcome_document(outcome: GridOutcome) -> dict[str, Any]:
    return {
        "counts": outcome.plan.counts(),
        "runs": [_run_row(run) for run in outcome.plan.runs],
    }


def _run_row(run: PlannedRun) -> dict[str, Any]:
    result = run.record.result if run.record else None
    failure = run.record.failure if run.record else None
    return {
        "identity": run.identity,
        "state": run.state,
        "directory": str(run.directory.path) if run.directory else None,
        "score": result.score if result else None,
        "failure": failure.model_dump(mode="json") if failure else None,
    }


def _outcome_tables(outcome: GridOutcome) -> list[RenderableType]:
    lines: list[RenderableType] = []
    for run in outcome.failed:
        if run.record and run.record.failure and run.directory:
            failure = run.record.failure
            lines.append(
                f"[red]{failure.kind.value}[/]: {escape(failure.message)}\n"
                f"  log: {escape(str(run.directory.log_file(run.config, 'err')))}"
            )
    counts = ", ".join(f"{count} {state}" for state, count in outcome.plan.counts().items())
    return [*lines, counts]
