"""How a resolved experiment is shown before anything is spent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType
from rich.markup import escape

from penstock.cli._table import FoldingTable, number
from penstock.files import plural

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
        "to_do": len(plan.to_do),
        "slots": [slot.name for slot in plan.slots],
        "notes": plan.notes,
    }


def plan_tables(plan: Plan) -> list[RenderableType]:
    """Return the plan for people: the runs, every hyperparameter with its type, the directories."""
    from penstock.runs import varying

    names = varying(run.config for run in plan.runs)
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
    return [
        FoldingTable(["#", "model", "task", "method", "data", *names, "state"], rows),
        "",
        _hyperparameter_table(plan),
        "",
        "directories:",
        *(f"  {escape(place)}" for place in dict.fromkeys(_place(run) for run in plan.runs)),
        "",
        f"{plural(len(plan.runs), 'run')}, {len(plan.to_do)} to do, {_at_a_time(plan)}. "
        "Nothing was created.",
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
    return FoldingTable(["hyperparameter", "type", *methods], rows)


def _hyperparameter_names(runs: Sequence[PlannedRun]) -> list[str]:
    return list(dict.fromkeys(name for run in runs for name in run.config.hyperparameters))


def _values(runs: Sequence[PlannedRun], name: str) -> list[Any]:
    """Return the different values that runs have under a name, in their order."""
    found = [run.config.hyperparameters for run in runs]
    return list(dict.fromkeys(values[name] for values in found if name in values))


def _place(run: PlannedRun) -> str:
    """Return where the run is, or where it will be."""
    return str(run.directory.path if run.directory and not run.to_do else run.place / "{timestamp}")


def _at_a_time(plan: Plan) -> str:
    places = ", ".join(dict.fromkeys(slot.name for slot in plan.slots))
    return f"{len(plan.slots)} at a time on {places}"
