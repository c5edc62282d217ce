"""Execute the runs of a plan: each on a slot, in its own directory, with a record of its end."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock

from penstock.errors import PenstockError
from penstock.executors import ProcessOutcome, Slot, SlotExecutor, run_process
from penstock.experiments.plan import GridPlan, PlannedRun, load_experiment
from penstock.experiments.provenance import git_state, package_versions
from penstock.experiments.schema import experiment_yaml
from penstock.files import write_atomic
from penstock.runs import Failure, FailureKind, RunDirectory, RunRecord, State, now
from penstock.trainers import runner

#: Called with a run when it starts (its record says `running`) and when it has ended.
Listener = Callable[[PlannedRun], None]

#: Keeps progress bars and warnings of the trainer's libraries out of the logs.
_QUIET = {"TOKENIZERS_PARALLELISM": "false", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
#: How many bytes at the end of a log are searched for the last message.
_LOG_TAIL_BYTES = 65536


@dataclass
class GridOutcome:
    """The runs of a grid after training. `executed` are those that this call has run."""

    plan: GridPlan
    executed: list[PlannedRun] = field(default_factory=list)

    @property
    def failed(self) -> list[PlannedRun]:
        """The runs that are not done, including those not started after a failure."""
        return self.plan.to_do


def train(
    experiment: Path | str | GridPlan,
    overrides: Iterable[str] = (),
    *,
    listener: Listener | None = None,
) -> GridOutcome:
    """Execute every run of an experiment that is missing, failed or interrupted; wait for them.

    Runs that are done or that another process is executing are skipped. On KeyboardInterrupt the
    running ones are stopped and recorded as interrupted before it is raised again; a second one
    kills them. Raises ConfigError and DataError as `load_experiment` does, ConfigError if the
    trainer is not installed, and PenstockError if the results cannot be written.
    """
    plan = (
        experiment if isinstance(experiment, GridPlan) else load_experiment(experiment, overrides)
    )
    outcome = GridOutcome(plan)
    to_do = plan.to_do
    if not to_do:
        return outcome
    runner(plan.experiment.trainer).require_installed()
    executor: SlotExecutor[PlannedRun, bool] = SlotExecutor(plan.slots[: len(to_do)])
    grid = _GridRunner(plan, listener or (lambda run: None), executor)
    # Closing the iterator stops the runs on an interrupt between two results, too.
    with closing(executor.map(grid.execute, to_do)) as results:
        outcome.executed += [run for run, executed in results if executed]
    if State.RUNNING in plan.counts():
        plan.refresh()  # runs of other processes may have ended meanwhile
    return outcome


class _GridRunner:
    """Executes one run at a time in each thread."""

    def __init__(
        self, plan: GridPlan, listener: Listener, executor: SlotExecutor[PlannedRun, bool]
    ) -> None:
        self.plan = plan
        self.listener = listener
        self.executor = executor
        #: Set after a failure: running runs go on, and no new one starts.
        self.halted = threading.Event()
        self.versions = package_versions()
        self.git = git_state()

    def execute(self, run: PlannedRun, slot: Slot) -> bool:
        """Execute one run; return False if it was not started here."""
        if self.halted.is_set() or self.executor.stop.is_set():
            return False
        with explain_write_errors(run.parent):
            started = self._start(run, slot)
        if started is None:
            return False
        directory, record = started
        try:
            self.listener(run)
            outcome = self._run_trainer(directory, record, slot)
            with explain_write_errors(run.parent):
                run.record = _finalize_record(directory, outcome, self.plan.experiment.timeout)
        finally:
            directory.lock.release()
        if run.state != State.DONE and not self.plan.experiment.continue_on_error:
            self.halted.set()
        self.listener(run)
        return True

    def _start(self, run: PlannedRun, slot: Slot) -> tuple[RunDirectory, RunRecord] | None:
        """Create, lock and return a directory for the run, with a record in the state `running`.

        None if another process has started the run since it was planned, whatever its result.
        """
        run.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(run.parent / ".lock"):
            added = self.plan.attempts.added(run.identity, run.parent)
            if added is not None:
                run.set_attempt(added)
                return None
            directory = RunDirectory.create(self.plan.root, run.config)
            self.plan.attempts.register(directory)
            directory.lock.acquire()
            write_atomic(directory.config_file, experiment_yaml(run.config, directory))
            record = RunRecord(
                identity=run.identity,
                state=State.RUNNING,
                config=run.config,
                command=runner(run.config.trainer).command(directory, run.config),
                device=slot.name,
                host=socket.gethostname(),
                pid=os.getpid(),
                started=now(),
                environment={**self.versions, **slot.environment},
                git=self.git,
                model=run.model,
                datasets=run.datasets,
            )
            directory.write(record)
            run.set_attempt((directory, record))
            return directory, record

    def _run_trainer(
        self, directory: RunDirectory, record: RunRecord, slot: Slot
    ) -> ProcessOutcome | OSError:
        try:
            return run_process(
                record.command,
                environment={**slot.environment, **_QUIET},
                out=directory.log_file(record.config, "out"),
                err=directory.log_file(record.config, "err"),
                stop=self.executor.stop,
                kill=self.executor.kill,
                timeout=self.plan.experiment.timeout,
            )
        except OSError as error:
            return error


@contextmanager
def explain_write_errors(directory: Path) -> Iterator[None]:
    """Turn an OSError into a PenstockError that names the directory of the results."""
    try:
        yield
    except OSError as error:
        raise PenstockError(
            f"{error.filename or directory}: cannot be written: {error.strerror}; the key results "
            "sets the directory of all results"
        ) from error


def _finalize_record(
    directory: RunDirectory, outcome: ProcessOutcome | OSError, timeout: float | None
) -> RunRecord:
    """Complete and write the record of a run whose process has ended or could not be started.

    A state that the process wrote itself is kept: a run that was done when it was stopped is done.
    """
    record = directory.read()
    if record.state is not State.DONE:
        record.state, record.failure = _end_state(directory, record, outcome, timeout)
    if record.failure is not None and isinstance(outcome, ProcessOutcome):
        record.failure.status = outcome.status
    record.finished = record.finished or now()
    directory.write(record)
    return record


def _end_state(
    directory: RunDirectory,
    record: RunRecord,
    outcome: ProcessOutcome | OSError,
    timeout: float | None,
) -> tuple[State, Failure | None]:
    if isinstance(outcome, OSError):
        message = f"cannot be started: {outcome.strerror}: {outcome.filename}"
        return State.FAILED, Failure(kind=FailureKind.ERROR, message=message)
    if outcome.timed_out:
        message = f"exceeded the timeout of {timeout:g} seconds"
        return State.FAILED, Failure(kind=FailureKind.TIME_OUT, message=message)
    if outcome.stopped:
        return State.INTERRUPTED, None
    if record.state is not State.RUNNING:
        return record.state, record.failure
    if outcome.status < 0:
        number = -outcome.status
        try:
            name = signal.Signals(number).name
        except ValueError:
            name = f"signal {number}"
        hint = "; the kernel does this when memory runs out" if number == signal.SIGKILL else ""
        message = f"killed by {name}{hint}"
        return State.FAILED, Failure(kind=FailureKind.KILLED, message=message)
    status = f" with status {outcome.status}" if outcome.status else " without a result"
    last_line = _last_line(directory.log_file(record.config, "err")) or "nothing on stderr"
    message = f"ended{status}: {last_line}"
    return State.FAILED, Failure(kind=FailureKind.ERROR, message=message)


def _last_line(path: Path) -> str | None:
    with path.open("rb") as log:
        log.seek(max(0, path.stat().st_size - _LOG_TAIL_BYTES))
        lines = log.read().decode(errors="replace").splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip()), None)
