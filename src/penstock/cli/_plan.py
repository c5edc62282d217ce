"""How a resolved experiment is shown before anything is spent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType
from rich.markup import escape

from penstock.cli._output import number, table

if TYPE_CHECKING:
    from penstock.experiments import Plan, PlannedRun


def plan_rows(plan: Plan) -> list[dict[str, Any]]:
    """Return one flat mapping a run."""
    return [
        {
            "identity": run.identity,
            "state": run.state,
            "model": run.config.model,
            "task": run.config.task,
            "method": run.config.method,
            "data": run.config.data.label,
            **run.config.hyperparameters,
            "directory": _place(run),
        }
        for run in plan.runs
    ]


def plan_document(plan: Plan) -> dict[str, Any]:
    """Return the plan as one mapping."""
    return {
        "runs": plan_rows(plan),
        "count": len(plan.runs),
        "to_do": sum(run.to_do for run in plan.runs),
        "notes": plan.notes,
    }


def plan_tables(plan: Plan) -> list[RenderableType]:
    """Return the plan for people: the runs, every hyperparameter with its type, the directories."""
    names = [name for name in _hyperparameter_names(plan.runs) if len(_values(plan.runs, name)) > 1]
    rows = [
        [
            index,
            run.config.model_label,
            run.config.task,
            run.config.method,
            run.config.data.label,
            *(number(run.config.hyperparameters.get(name)) for name in names),
            run.state,
        ]
        for index, run in enumerate(plan.runs, 1)
    ]
    to_do = sum(run.to_do for run in plan.runs)
    return [
        table(["#", "model", "task", "method", "data", *names, "state"], rows),
        "",
        _hyperparameter_table(plan),
        "",
        "directories:",
        *(f"  {escape(place)}" for place in dict.fromkeys(_place(run) for run in plan.runs)),
        "",
        f"{len(plan.runs)} runs, {to_do} to do. Nothing was created.",
    ]


def _hyperparameter_table(plan: Plan) -> RenderableType:
    """Return every hyperparameter: its type, and its values under each method."""
    methods = list(dict.fromkeys(run.config.method for run in plan.runs))
    rows = []
    for name in _hyperparameter_names(plan.runs):
        cells = []
        for method in methods:
            runs = [run for run in plan.runs if run.config.method == method]
            has = name in runs[0].config.hyperparameters
            cells.append(", ".join(number(v) for v in _values(runs, name)) if has else "")
        kinds = dict.fromkeys(type(v).__name__ for v in _values(plan.runs, name) if v is not None)
        rows.append([name, " or ".join(kinds) or "null", *cells])
    return table(["hyperparameter", "type", *methods], rows)


def _hyperparameter_names(runs: Sequence[PlannedRun]) -> list[str]:
    return list(dict.fromkeys(name for run in runs for name in run.config.hyperparameters))


def _values(runs: Sequence[PlannedRun], name: str) -> list[Any]:
    """Return the different values that runs have under a name, in their order."""
    found = [run.config.hyperparameters for run in runs]
    return list(dict.fromkeys(values[name] for values in found if name in values))


def _place(run: PlannedRun) -> str:
    return str(run.directory.path if run.directory else run.place / "{timestamp}")
