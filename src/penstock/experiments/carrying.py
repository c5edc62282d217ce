"""Carry the runs of a plan: a slot each, a directory each, a record of how each ended."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock

from penstock.errors import PenstockError
from penstock.executors import ProcessOutcome, Slot, SlotExecutor, run_process
from penstock.experiments.planning import Plan, PlannedRun, load_experiment
from penstock.experiments.provenance import environment, git_state
from penstock.experiments.schema import experiment_yaml
from penstock.experiments.settling import settle
from penstock.files import write_atomic
from penstock.runs import RunDirectory, RunRecord, State, now
from penstock.trainers import TRAINERS

#: Called with a run when it starts (its record says running) and when it has ended.
Listener = Callable[[PlannedRun], None]

#: The trainer's libraries write progress bars and warnings of their own into the logs otherwise.
_QUIET = {"TOKENIZERS_PARALLELISM": "false", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}


@dataclass
class GridOutcome:
    """What came of a grid: every run with its record, and which were carried now."""

    plan: Plan
    carried: list[PlannedRun] = field(default_factory=list)

    @property
    def failed(self) -> list[PlannedRun]:
        """The runs that ended otherwise than done, and those not started because of them."""
        return self.plan.to_do


def train(
    experiment: Path | str | Plan,
    overrides: Iterable[str] = (),
    *,
    listener: Listener | None = None,
) -> GridOutcome:
    """Carry every run of an experiment that is missing or failed, and wait for them.

    Runs that are done, or that another process is carrying, are left alone. On KeyboardInterrupt
    the running ones are stopped and recorded as interrupted before it goes on to the caller; on a
    second one they are killed. Raises ConfigError and DataError as `load_experiment` does, and
    where the trainer is not here; PenstockError where the results cannot be written.
    """
    plan = experiment if isinstance(experiment, Plan) else load_experiment(experiment, overrides)
    outcome = GridOutcome(plan)
    to_do = plan.to_do
    if not to_do:
        return outcome
    TRAINERS.get(plan.experiment.trainer).require()
    executor: SlotExecutor[PlannedRun, bool] = SlotExecutor(plan.slots[: len(to_do)])
    carrier = _Carrier(plan, listener or (lambda run: None), executor)
    # An interruption between two results must stop the runs as well: the iterator is closed.
    with closing(executor.map(carrier.carry, to_do)) as ended:
        outcome.carried += [run for run, here in ended if here]
    if State.RUNNING in plan.counts():
        plan.look_again()  # what others carried may have ended meanwhile
    return outcome


class _Carrier:
    """Carries one run at a time in each thread."""

    def __init__(
        self, plan: Plan, listener: Listener, executor: SlotExecutor[PlannedRun, bool]
    ) -> None:
        self.plan = plan
        self.listener = listener
        self.executor = executor
        #: Set when a run has failed and no other may start; those that run go on to their end.
        self.halted = threading.Event()
        self.environment = environment()
        self.git = git_state()

    def carry(self, run: PlannedRun, slot: Slot) -> bool:
        """Carry one run from an empty directory to its record; say whether it was carried here."""
        if self.halted.is_set() or self.executor.stop.is_set():
            return False
        with naming_the_place(run.place):
            directory = self._claim(run, slot)
        if directory is None:
            return False
        try:
            self.listener(run)
            outcome = self._run_trainer(run, directory, slot)
            with naming_the_place(run.place):
                run.record = settle(directory, outcome, self.plan.experiment.timeout)
        finally:
            directory.lock.release()
        if run.state != State.DONE and not self.plan.experiment.continue_on_error:
            self.halted.set()
        self.listener(run)
        return True

    def _claim(self, run: PlannedRun, slot: Slot) -> RunDirectory | None:
        """Return a directory for the run, its lock held and its record saying that it is running.

        None when another process has taken the run since it was planned, whatever came of it.
        """
        run.place.mkdir(parents=True, exist_ok=True)
        with FileLock(run.place / ".lock"):
            added = self.plan.tries.added(run.identity, run.place)
            if added is not None:
                run.take_up(added)
                return None
            directory = RunDirectory.create(self.plan.root, run.config)
            self.plan.tries.know(directory)
            directory.lock.acquire()
            write_atomic(directory.config_file, experiment_yaml(run.config, directory))
            record = self._record(run, directory, slot)
            directory.write(record)
            run.take_up((directory, record))
            return directory

    def _record(self, run: PlannedRun, directory: RunDirectory, slot: Slot) -> RunRecord:
        return RunRecord(
            identity=run.identity,
            state=State.RUNNING,
            config=run.config,
            command=TRAINERS.get(run.config.trainer).command(directory, run.config),
            device=slot.name,
            host=socket.gethostname(),
            pid=os.getpid(),
            started=now(),
            environment={**self.environment, **slot.environment},
            git=self.git,
            model=run.model,
            datasets=run.datasets,
        )

    def _run_trainer(
        self, run: PlannedRun, directory: RunDirectory, slot: Slot
    ) -> ProcessOutcome | OSError:
        assert run.record is not None
        try:
            return run_process(
                run.record.command,
                environment={**slot.environment, **_QUIET},
                out=directory.log_file(run.config, "out"),
                err=directory.log_file(run.config, "err"),
                stop=self.executor.stop,
                kill=self.executor.kill,
                timeout=self.plan.experiment.timeout,
            )
        except OSError as error:
            return error


@contextmanager
def naming_the_place(place: Path) -> Iterator[None]:
    """Turn an error of the file system into one that names the place of the results."""
    try:
        yield
    except OSError as error:
        raise PenstockError(
            f"{error.filename or place}: cannot be written: {error.strerror}; the key results "
            "names the directory of all results"
        ) from error
