"""The runs of an experiment: which are done already and which remain."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from penstock.config import Document
from penstock.errors import ConfigError
from penstock.executors import Slot, device_slots
from penstock.experiments.grid import expand
from penstock.experiments.provenance import InputReader
from penstock.experiments.schema import Experiment, read_experiment
from penstock.runs import DatasetUse, ModelUse, RunConfig, RunDirectory, RunRecord, State, find_runs
from penstock.runs.directory import run_parent

Attempt = tuple[RunDirectory, RunRecord]

_PRECEDENCE = {State.DONE: 2, State.RUNNING: 1}


class Attempts:
    """The attempts at runs in the results, including those that other processes add."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self._known: set[str] = set()
        self._added: dict[str, RunDirectory] = {}

    def latest(self) -> dict[str, Attempt]:
        """Return the attempt that counts for each identity: done, else running, else the latest."""

        def rank(record: RunRecord) -> tuple[int, str]:
            return _PRECEDENCE.get(record.state, 0), record.started

        attempts: dict[str, Attempt] = {}
        for directory in find_runs(self.top):
            record = directory.current()
            self.register(directory)
            known = attempts.get(record.identity)
            if known is None or rank(record) >= rank(known[1]):
                attempts[record.identity] = directory, record
        return attempts

    def register(self, directory: RunDirectory) -> None:
        """Mark a directory as known, so that `added` does not return it."""
        self._known.add(str(directory.path))

    def added(self, identity: str, parent: Path) -> Attempt | None:
        """Return the attempt that another process has added to `parent` since `latest`."""
        # Only new records are read: a grid may have thousands.
        with os.scandir(parent) as entries:
            paths = [entry.path for entry in entries if entry.path not in self._known]
        for path in paths:
            directory = RunDirectory(Path(path))
            if directory.record_file.exists():
                self._added[directory.read().identity] = directory
                self.register(directory)
        found = self._added.get(identity)
        return (found, found.current()) if found else None


@dataclass(eq=False)
class PlannedRun:
    """A run of the grid with its latest attempt, if any."""

    config: RunConfig
    identity: str
    model: ModelUse
    datasets: list[DatasetUse]
    #: The directory that contains one directory per attempt.
    parent: Path
    record: RunRecord | None = None
    directory: RunDirectory | None = None

    @property
    def state(self) -> str:
        """`done`, `running`, `failed`, `interrupted`, or `missing` if there is no attempt."""
        return self.record.state.value if self.record else "missing"

    @property
    def to_do(self) -> bool:
        """True unless the run is done or another process is executing it."""
        return self.state not in (State.DONE, State.RUNNING)

    def set_attempt(self, attempt: Attempt) -> None:
        """Make an attempt the latest one."""
        self.directory, self.record = attempt


@dataclass
class GridPlan:
    """A resolved experiment: its runs with every value fixed, and their states."""

    experiment: Experiment
    document: Document
    runs: list[PlannedRun]
    #: The devices; each executes one run at a time.
    slots: list[Slot]
    attempts: Attempts
    notes: list[str] = field(default_factory=list)

    @property
    def root(self) -> Path:
        """The directory of all results; it has one directory per purpose."""
        return Path(self.experiment.results)

    @property
    def to_do(self) -> list[PlannedRun]:
        """The runs that are neither done nor executed by another process."""
        return [run for run in self.runs if run.to_do]

    def counts(self) -> dict[str, int]:
        """Return the number of runs in each state."""
        return dict(Counter(run.state for run in self.runs))

    def refresh(self) -> None:
        """Read the current attempts of the runs."""
        found = self.attempts.latest()
        for run in self.runs:
            if run.identity in found:
                run.set_attempt(found[run.identity])


def load_experiment(path: Path | str, overrides: Iterable[str] = ()) -> GridPlan:
    """Read an experiment file and resolve it into runs. Nothing is created.

    `overrides` are `key.path=value`. Raises ConfigError or DataError for an unknown key, an invalid
    value, and missing or incomplete data.
    """
    experiment, document = read_experiment(Path(path), tuple(overrides))
    configs, notes = expand(experiment, document)
    inputs = InputReader(document)
    root = Path(experiment.results)
    runs: dict[str, PlannedRun] = {}
    for config in configs:
        datasets = inputs.datasets(config)
        model = inputs.model(config.model)
        hashes = {use.role: use.manifest.content_hash for use in datasets}
        identity = config.identity(model.sha256, hashes)
        run = PlannedRun(config, identity, model, datasets, root / run_parent(config))
        runs.setdefault(identity, run)
    if same := len(configs) - len(runs):
        notes.append(f"{same} of {len(configs)} cells give the same run as another cell")
    try:
        # No more slots than runs, so that the runs share all cores.
        most = min(experiment.max_parallel or len(runs), len(runs))
        slots = device_slots(experiment.cuda_devices, most)
    except ConfigError as error:
        raise document.error(error.message, ("cuda_devices",)) from None
    attempts = Attempts(root / experiment.experiment.purpose)
    plan = GridPlan(experiment, document, list(runs.values()), slots, attempts, notes)
    plan.refresh()
    return plan
