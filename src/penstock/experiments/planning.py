"""Which runs of a grid are there already, and which are to be done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from penstock.config import Document
from penstock.errors import ConfigError
from penstock.experiments.grid import expand
from penstock.experiments.provenance import Provenance
from penstock.experiments.schema import Experiment, read_experiment
from penstock.runs import DatasetUse, ModelUse, RunConfig, RunDirectory, RunRecord, State, find_runs
from penstock.runs.directory import directory_label


@dataclass
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


@dataclass
class Plan:
    """An experiment resolved: nothing in it is left to a default or a guess."""

    experiment: Experiment
    document: Document
    runs: list[PlannedRun]
    notes: list[str] = field(default_factory=list)

    @property
    def root(self) -> Path:
        """The directory that holds every purpose."""
        return Path(self.experiment.results)

    def counts(self) -> dict[str, int]:
        """Return how many runs are in each state."""
        return dict(Counter(run.state for run in self.runs))


def load_experiment(path: Path | str, overrides: Iterable[str] = ()) -> Plan:
    """Read an experiment file and resolve it into runs. Nothing is created.

    `overrides` are `key.path=value`. Raises ConfigError and DataError for what cannot be run: a key
    that is not known, a value that does not fit, data that is not there or not whole.
    """
    experiment, document = read_experiment(Path(path), tuple(overrides))
    grid = expand(experiment, document)
    provenance = Provenance()
    root = Path(experiment.results)
    tried = _latest_tries(root, experiment.experiment.purpose)
    runs = []
    for config in grid.configs:
        try:
            datasets = provenance.datasets(config)
        except ConfigError as error:
            raise document.error(str(error), ("data",)) from None
        model = provenance.model(config.model)
        hashes = {use.role: use.manifest.content_hash for use in datasets}
        identity = config.identity(model.sha256, hashes)
        run = PlannedRun(config, identity, model, datasets, root / directory_label(config))
        run.directory, run.record = tried.get(identity, (None, None))
        runs.append(run)
    return Plan(experiment, document, runs, grid.notes)


def _latest_tries(root: Path, purpose: str) -> dict[str, tuple[RunDirectory, RunRecord]]:
    """Return the try that counts for each identity: a done or running one, else the latest."""
    tries: dict[str, tuple[RunDirectory, RunRecord]] = {}
    for directory in find_runs(root, purpose):
        record = directory.current()
        known = tries.get(record.identity)
        if known is None or not _counts_more(known[1], record):
            tries[record.identity] = (directory, record)
    return tries


def _counts_more(known: RunRecord, other: RunRecord) -> bool:
    rank = {State.DONE: 2, State.RUNNING: 1}
    return (rank.get(known.state, 0), known.started) >= (rank.get(other.state, 0), other.started)
