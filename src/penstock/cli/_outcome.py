"""How the runs of a grid are shown when they have ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import RenderableType
from rich.markup import escape

from penstock.files import plural

if TYPE_CHECKING:
    from penstock.experiments import GridOutcome, Plan, PlannedRun


def outcome_row(run: PlannedRun) -> dict[str, Any]:
    """Return a run as one flat mapping."""
    result = run.record.result if run.record else None
    failure = run.record.failure if run.record else None
    return {
        "identity": run.identity,
        "state": run.state,
        "model": run.config.model_label,
        "task": run.config.task,
        "method": run.config.method,
        "data": run.config.data.label,
        "score": result.score if result else None,
        "failure": failure.kind.value if failure else None,
        "message": failure.message if failure else None,
        "directory": str(run.directory.path) if run.directory else None,
    }


def outcome_document(outcome: GridOutcome) -> dict[str, Any]:
    """Return the whole grid as one mapping."""
    return {
        "counts": outcome.plan.counts(),
        "runs": [outcome_row(run) for run in outcome.plan.runs],
    }


def outcome_lines(outcome: GridOutcome) -> list[RenderableType]:
    """Return what people want to know: what failed and where its log is, and the counts."""
    lines: list[RenderableType] = []
    for run in outcome.failed:
        if run.record and run.record.failure and run.directory:
            failure = run.record.failure
            lines.append(
                f"[red]{failure.kind.value}[/], see "
                f"{escape(str(run.directory.log_file(run.config, 'err')))}"
            )
    counts = outcome.plan.counts()
    if missing := counts.get("missing"):
        lines.append(
            f"{plural(missing, 'run')} not started after a failure; continue_on_error: true goes on"
        )
    if running := counts.get("running"):
        lines.append(f"{plural(running, 'run')} carried by another process")
    return [*lines, counts_line(outcome.plan)]


def counts_line(plan: Plan) -> str:
    """Return `3 done, 1 failed`."""
    return ", ".join(f"{count} {state}" for state, count in plan.counts().items())
