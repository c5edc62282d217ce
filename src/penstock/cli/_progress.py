"""Progress of a grid on stderr: a bar for all runs, and one for each that is going on."""

from __future__ import annotations

import sys
import threading
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from penstock.cli._outcome import outcome_row
from penstock.cli._output import Output
from penstock.cli._table import number
from penstock.runs import varying

if TYPE_CHECKING:
    from penstock.experiments import Plan, PlannedRun

_LOOK_SECONDS = 0.5


class GridProgress:
    """Hears of runs from their carriers and reads their steps from their metrics."""

    def __init__(self, plan: Plan, output: Output) -> None:
        self.output = output
        self.total = len(plan.to_do)
        self.ended = 0
        self._varying = varying(run.config for run in plan.runs)
        self._bars: dict[str, tuple[PlannedRun, TaskID]] = {}
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=output.errors,
            transient=True,
            disable=output.quiet or not output.human or not sys.stderr.isatty(),
        )
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._progress.start()
        self._all = self._progress.add_task("all runs", total=self.total)
        self._watcher.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._watcher.join()
        self._progress.stop()

    def heard(self, run: PlannedRun) -> None:
        """Show that a run has started or ended."""
        name = self._name(run)
        with self._lock, suppress(BrokenPipeError):
            if run.state == "running":
                steps = run.config.hyperparameters.get("steps")
                self._bars[run.identity] = (run, self._progress.add_task(name, total=steps or None))
                return
            self.ended += 1
            if run.identity in self._bars:
                self._progress.remove_task(self._bars.pop(run.identity)[1])
            self._progress.update(self._all, completed=self.ended)
            self._tell_end(run, name)

    def _name(self, run: PlannedRun) -> str:
        """Return what tells the run from the others of its grid."""
        config = run.config
        values = [
            f"{name} {number(config.hyperparameters[name])}"
            for name in self._varying
            if name in config.hyperparameters
        ]
        return ", ".join([f"{config.task} {config.method} {config.data.label}", *values])

    def _tell_end(self, run: PlannedRun, name: str) -> None:
        said = run.state
        if run.record and run.record.result:
            said = f"{run.record.result.metric} {run.record.result.score:.3f}"
        elif run.record and run.record.failure:
            said = f"[red]{run.record.failure.kind.value}[/]: {escape(run.record.failure.message)}"
        self.output.event(outcome_row(run), f"[{self.ended}/{self.total}] {escape(name)}: {said}")

    def _watch(self) -> None:
        while not self._over.wait(_LOOK_SECONDS):
            with self._lock:
                for run, bar in self._bars.values():
                    lines = run.directory.metrics() if run.directory else []
                    if lines:
                        self._progress.update(bar, completed=lines[-1]["step"])
