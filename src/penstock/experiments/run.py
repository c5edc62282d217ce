"""Execute the runs of a plan: each on a slot, in its own directory, with a record of its end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
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
#: How long to wait for the first run to start, and the interval between two checks.
_START_SECONDS = 30.0
_POLL_SECONDS = 0.2
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
        """Execute one run; return False if this process did not start it."""
        if self.halted.is_set() or self.executor.stop.is_set():
            return False
        with _explain_write_errors(run.parent):
            started = self._start(run, slot)
        if started is None:
            return False
        directory, record = started
        try:
            self.listener(run)
            with _explain_write_errors(run.parent):
                run.record = self._run_trainer(directory, record, slot)
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

    def _run_trainer(self, directory: RunDirectory, record: RunRecord, slot: Slot) -> RunRecord:
        """Run the trainer to its end; return the record, completed and written.

        A state that the process wrote itself is kept: a run that was done when it was stopped is
        done.
        """
        timeout = self.plan.experiment.timeout
        failure: Failure | None = None
        outcome: ProcessOutcome | None = None
        try:
            outcome = run_process(
                record.command,
                environment={**slot.environment, **_QUIET},
                out=directory.log_file(record.config, "out"),
                err=directory.log_file(record.config, "err"),
                stop=self.executor.stop,
                kill=self.executor.kill,
                timeout=timeout,
            )
        except OSError as error:
            message = f"cannot be started: {error.strerror}: {error.filename}"
            failure = Failure(kind=FailureKind.ERROR, message=message)
        record = directory.read()
        if outcome is not None and record.state is not State.DONE:
            if outcome.timed_out:
                message = f"exceeded the timeout of {timeout:g} seconds"
                failure = Failure(kind=FailureKind.TIME_OUT, message=message)
            elif outcome.stopped:
                record.state, record.failure = State.INTERRUPTED, None
            elif record.state is State.RUNNING:
                failure = _unreported_failure(directory, record, outcome.status)
        if failure is not None:
            record.state, record.failure = State.FAILED, failure
        if record.failure is not None and outcome is not None:
            record.failure.status = outcome.status
        record.finished = record.finished or now()
        directory.write(record)
        return record


@contextmanager
def _explain_write_errors(directory: Path) -> Iterator[None]:
    """Turn an OSError into a PenstockError that names the directory of the results."""
    try:
        yield
    except OSError as error:
        raise PenstockError(
            f"{error.filename or directory}: cannot be written: {error.strerror}; the key results "
            "sets the directory of all results"
        ) from error


def _unreported_failure(directory: RunDirectory, record: RunRecord, status: int) -> Failure:
    """Return the failure of a process that ended without writing a state to its record."""
    if status < 0:
        try:
            name = signal.Signals(-status).name
        except ValueError:
            name = f"signal {-status}"
        hint = "; the kernel does this when memory runs out" if name == "SIGKILL" else ""
        return Failure(kind=FailureKind.KILLED, message=f"killed by {name}{hint}")
    ended = f"ended with status {status}" if status else "ended without a result"
    path = directory.log_file(record.config, "err")
    with path.open("rb") as log:
        log.seek(max(0, path.stat().st_size - _LOG_TAIL_BYTES))
        lines = [line.strip() for line in log.read().decode(errors="replace").splitlines()]
    last_line = next(filter(None, reversed(lines)), "nothing on stderr")
    return Failure(kind=FailureKind.ERROR, message=f"{ended}: {last_line}")


@dataclass(frozen=True)
class DetachedGrid:
    """A grid in the background: the id of its process and the file with its output."""

    pid: int
    log: Path


def train_detached(path: Path, overrides: Sequence[str], plan: GridPlan) -> DetachedGrid:
    """Start `penstock train` in the background; return when its first run has started.

    `plan` is the plan of `path` and `overrides`. Raises PenstockError with the output of the
    process if it fails before that.
    """
    directory = plan.root / plan.experiment.experiment.purpose
    log = directory / f"train_{datetime.now():%Y%m%d_%H%M%S}.log"
    command = [sys.executable, "-m", "penstock", "train", str(path), *overrides]
    with _explain_write_errors(directory):
        directory.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as out:
            process = subprocess.Popen(
                [*command, "wait_for_completion=true"],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
    before = len(plan.to_do)
    deadline = time.monotonic() + _START_SECONDS
    while len(plan.to_do) == before and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
        status = process.poll()
        plan.refresh()
        if status:
            raise PenstockError(
                f"the background process failed; log {log}:\n{log.read_text().strip()}"
            )
        if status == 0:
            break
    return DetachedGrid(process.pid, log)
