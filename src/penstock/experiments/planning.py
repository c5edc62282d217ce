"""Which runs of a grid are there already, and which are to be done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from penstock.config import Document
from penstock.errors import ConfigError
from penstock.executors import Slot, device_slots
from penstock.experiments.grid import expand
from penstock.experiments.provenance import Provenance
from penstock.experiments.schema import Experiment, read_experiment
from penstock.experiments.tries import Tries, Try
from penstock.runs import DatasetUse, ModelUse, RunConfig, RunDirectory, RunRecord, State
from penstock.runs.directory import directory_label


@dataclass(eq=False)
class PlannedRun:
    """A run of the grid, and the directory of its latest try where it has one."""

    config: RunConfig
    identity: str
    model: ModelUse
    datasets: list[DatasetUse]
    place: Path
    record: RunRecord | None = None
    directory: RunDirectory | None = None

    @property
    def state(self) -> str:
        """`done`, `running`, `failed`, `interrupted`, or `missing` where no try was made."""
        return self.record.state.value if self.record else "missing"

    @property
    def to_do(self) -> bool:
        """True unless the run is done, or another process is carrying it."""
        return self.state not in (State.DONE, State.RUNNING)

    def take_up(self, found: Try) -> None:
        """Let a try count from now on."""
        self.directory, self.record = found


@dataclass
class Plan:
    """An experiment resolved: nothing in it is left to a default or a guess."""

    experiment: Experiment
    document: Document
    runs: list[PlannedRun]
    #: Where the runs go, one at a time in each.
    slots: list[Slot]
    tries: Tries
    notes: list[str] = field(default_factory=list)

    @property
    def root(self) -> Path:
        """The directory that holds every purpose."""
        return Path(self.experiment.results)

    @property
    def to_do(self) -> list[PlannedRun]:
        """The runs that are neither done nor carried by another process."""
        return [run for run in self.runs if run.to_do]

    def counts(self) -> dict[str, int]:
        """Return how many runs are in each state."""
        return dict(Counter(run.state for run in self.runs))

    def look_again(self) -> None:
        """Take up what has been made of the runs since they were planned."""
        found = self.tries.latest()
        for run in self.runs:
            if run.identity in found:
                run.take_up(found[run.identity])


def load_experiment(path: Path | str, overrides: Iterable[str] = ()) -> Plan:
    """Read an experiment file and resolve it into runs. Nothing is created.

    `overrides` are `key.path=value`. Raises ConfigError and DataError for what cannot be run: a key
    that is not known, a value that does not fit, data that is not there or not whole.
    """
    experiment, document = read_experiment(Path(path), tuple(overrides))
    grid = expand(experiment, document)
    provenance = Provenance(document)
    root = Path(experiment.results)
    runs: dict[str, PlannedRun] = {}
    for config in grid.configs:
        datasets = provenance.datasets(config)
        model = provenance.model(config.model)
        hashes = {use.role: use.manifest.content_hash for use in datasets}
        identity = config.identity(model.sha256, hashes)
        run = PlannedRun(config, identity, model, datasets, root / directory_label(config))
        runs.setdefault(identity, run)
    notes = list(grid.notes)
    if len(runs) < len(grid.configs):
        same = len(grid.configs) - len(runs)
        notes.append(f"{same} of {len(grid.configs)} cells come to the same run as another")
    slots = _slots(experiment, document, len(runs))
    tries = Tries(root / experiment.experiment.purpose)
    plan = Plan(experiment, document, list(runs.values()), slots, tries, notes)
    plan.look_again()
    return plan


def _slots(experiment: Experiment, document: Document, runs: int) -> list[Slot]:
    """Return the slots of an experiment: no more than it has runs, so that they share all cores."""
    try:
        return device_slots(experiment.cuda_devices, min(experiment.max_parallel or runs, runs))
    except ConfigError as error:
        raise document.error(error.message, ("cuda_devices",)) from None
