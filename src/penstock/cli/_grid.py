"""How `penstock train` shows a grid: its plan, its progress and its outcome."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from rich.console import RenderableType
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn

from penstock.cli._output import Output
from penstock.cli._tables import FoldingTable, format_value
from penstock.files import plural

if TYPE_CHECKING:
    from penstock.experiments import GridOutcome, GridPlan, PlannedRun

_POLL_SECONDS = 0.5


def plan_rows(plan: GridPlan) -> list[dict[str, Any]]:
    return [
        {
            "identity": run.identity,
            "state": run.state,
            "model": run.config.model,
            "task": run.config.task,
            "method": run.config.method,
            "data": run.config.data.label,
            **run.config.hyperparameters,
            "directory": _directory(run),
        }
        for run in plan.runs
    ]


def plan_document(plan: GridPlan) -> dict[str, Any]:
    return {
        "runs": plan_rows(plan),
        "count": len(plan.runs),
        "to_do": len(plan.to_do),
        "slots": [slot.name for slot in plan.slots],
        "notes": plan.notes,
    }


def plan_lines(plan: GridPlan) -> Iterator[RenderableType]:
    """Yield the plan as text: the runs, every hyperparameter with its type, the directories."""
    from penstock.runs import varying_hyperparameters

    names = varying_hyperparameters(run.config for run in plan.runs)
    rows = [
        [
            index,
            run.config.model_label,
            run.config.task,
            run.config.method,
            run.config.data.label,
            *(run.config.hyperparameters.get(name) for name in names),
            run.state,
        ]
        for index, run in enumerate(plan.runs, 1)
    ]
    yield FoldingTable(["#", "model", "task", "method", "data", *names, "state"], rows)
    yield ""
    yield _hyperparameter_table(plan)
    yield "\ndirectories:"
    for directory in dict.fromkeys(map(_directory, plan.runs)):
        yield f"  {escape(directory)}"
    slots = ", ".join(dict.fromkeys(slot.name for slot in plan.slots))
    yield (
        f"\n{plural(len(plan.runs), 'run')}, {len(plan.to_do)} to do, "
        f"{len(plan.slots)} at a time on {slots}. Nothing was created."
    )


def _hyperparameter_table(plan: GridPlan) -> FoldingTable:
    """Return a table of every hyperparameter: its type, and its values under each method."""
    methods = list(dict.fromkeys(run.config.method for run in plan.runs))
    names = dict.fromkeys(name for run in plan.runs for name in run.config.hyperparameters)
    groups = [[run for run in plan.runs if run.config.method == method] for method in methods]
    rows = []
    for name in names:
        types = dict.fromkeys(type(v).__name__ for v in _values(plan.runs, name) if v is not None)
        cells = (", ".join(map(format_value, _values(runs, name))) for runs in groups)
        rows.append([name, " or ".join(types) or "null", *cells])
    return FoldingTable(["hyperparameter", "type", *methods], rows)


def _values(runs: Sequence[PlannedRun], name: str) -> list[Any]:
    found = [run.config.hyperparameters for run in runs]
    return list(dict.fromkeys(values[name] for values in found if name in values))


def _directory(run: PlannedRun) -> str:
    """Return the directory of the run, or a pattern for the one it will get."""
    return str(
        run.directory.path if run.directory and not run.to_do else run.parent / "{timestamp}"
    )


class GridProgress:
    """Progress on stderr: one bar for all runs and one for each active run."""

    def __init__(self, plan: GridPlan, output: Output) -> None:
        from penstock.runs import varying_hyperparameters

        self._output = output
        self._total = len(plan.to_do)
        self._ended = 0
        self._varying = varying_hyperparameters(run.config for run in plan.runs)
        self._bars: dict[str, tuple[PlannedRun, TaskID]] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        columns = BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        self._progress = output.progress(TextColumn("{task.description}"), *columns)
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._progress.start()
        self._all = self._progress.add_task("all runs", total=self._total)
        if not self._progress.disable:
            self._watcher.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        if self._watcher.is_alive():
            self._watcher.join()
        self._progress.stop()

    def on_progress(self, run: PlannedRun) -> None:
        """Show that a run has started or ended."""
        with self._lock, suppress(BrokenPipeError):
            if run.state == "running":
                steps = run.config.hyperparameters.get("steps") or None
                bar = self._progress.add_task(self._name(run), total=steps)
                self._bars[run.identity] = run, bar
                return
            self._ended += 1
            if run.identity in self._bars:
                self._progress.remove_task(self._bars.pop(run.identity)[1])
            self._progress.update(self._all, completed=self._ended)
            text = f"[{self._ended}/{self._total}] {escape(self._name(run))}: {_outcome(run)}"
            self._output.event(outcome_row(run), text)

    def _name(self, run: PlannedRun) -> str:
        config = run.config
        values = [
            f"{name} {format_value(config.hyperparameters[name])}"
            for name in self._varying
            if name in config.hyperparameters
        ]
        return ", ".join([f"{config.task} {config.method} {config.data.label}", *values])

    def _watch(self) -> None:
        """Move the bar of each active run to the last step in its metrics."""
        while not self._stop.wait(_POLL_SECONDS):
            with self._lock:
                for run, bar in self._bars.values():
                    metrics = run.directory.metrics() if run.directory else []
                    if metrics:
                        self._progress.update(bar, completed=metrics[-1]["step"])


def _outcome(run: PlannedRun) -> str:
    if run.record and run.record.result:
        return f"{run.record.result.metric} {run.record.result.score:.3f}"
    if run.record and run.record.failure:
        return f"[red]{run.record.failure.kind.value}[/]: {escape(run.record.failure.message)}"
    return run.state


def outcome_row(run: PlannedRun) -> dict[str, Any]:
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


def outcome_lines(outcome: GridOutcome) -> Iterator[RenderableType]:
    """Yield the failures with their logs, and the number of runs in each state."""
    for run in outcome.failed:
        if run.record and run.record.failure and run.directory:
            log = escape(str(run.directory.log_file(run.config, "err")))
            yield f"[red]{run.record.failure.kind.value}[/], see {log}"
    counts = outcome.plan.counts()
    if missing := counts.get("missing"):
        yield (
            f"{plural(missing, 'run')} not started after a failure; "
            "set continue_on_error: true to run the rest"
        )
    if running := counts.get("running"):
        yield f"{plural(running, 'run')} running in another process"
    yield counts_line(outcome.plan)


def counts_line(plan: GridPlan) -> str:
    """Return `3 done, 1 failed`."""
    return ", ".join(f"{count} {state}" for state, count in plan.counts().items())
