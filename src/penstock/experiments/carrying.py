"""Carry the runs of a plan: a slot each, a directory each, a record of how each ended."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from penstock.backends import BACKENDS
from penstock.config import dump_yaml
from penstock.executors import LocalExecutor, ProcessOutcome, Slot, device_slots, run_process
from penstock.experiments.planning import Plan, PlannedRun, load_experiment
from penstock.experiments.provenance import environment, git_state
from penstock.files import write_atomic
from penstock.redaction import redact
from penstock.runs import (
    Failure,
    FailureKind,
    RunConfig,
    RunDirectory,
    RunRecord,
    State,
)

#: Called with a run when it starts (its record says running) and when it has ended.
Listener = Callable[[PlannedRun], None]


@dataclass
class GridOutcome:
    """What came of a grid: every run with its record, and which were carried now."""

    plan: Plan
    carried: list[PlannedRun] = field(default_factory=list)

    @property
    def failed(self) -> list[PlannedRun]:
        """The runs that ended otherwise than done, and those not started because of them."""
        return [run for run in self.plan.runs if run.to_do]


def train(
    experiment: Path | str | Plan,
    overrides: tuple[str, ...] = (),
    *,
    listener: Listener | None = None,
) -> GridOutcome:
    """Carry every run of an experiment that is missing or failed, and wait for them.

    Runs that are done, or that another process is carrying, are left alone. On KeyboardInterrupt
    the running ones are stopped and recorded as interrupted before it goes on to the caller.
    """
    plan = experiment if isinstance(experiment, Plan) else load_experiment(experiment, overrides)
    outcome = GridOutcome(plan)
    to_do = [run for run in plan.runs if run.to_do]
    if not to_do:
        return outcome
    slots = device_slots(plan.experiment.cuda_devices, plan.experiment.max_parallel)
    carrier = _Carrier(plan, listener or (lambda run: None))
    executor: LocalExecutor[PlannedRun, None] = LocalExecutor(slots[: len(to_do)])
    carrier.stop = executor.stop
    for run, _ in executor.map(carrier.carry, to_do):
        outcome.carried.append(run)
        if run.state != State.DONE and not plan.experiment.continue_on_error:
            # What runs now goes on to its end; nothing new starts.
            carrier.halted.set()
    return outcome


class _Carrier:
    """Carries one run at a time in each thread."""

    def __init__(self, plan: Plan, listener: Listener) -> None:
        self.plan = plan
        self.listener = listener
        self.stop = threading.Event()
        self.halted = threading.Event()
        self.environment = environment()
        self.git = git_state()

    def carry(self, run: PlannedRun, slot: Slot) -> None:
        """Carry one run from an empty directory to its record."""
        if self.halted.is_set() or self.stop.is_set():
            return
        directory = RunDirectory.create(self.plan.root, run.config)
        with directory.lock:
            record = self._begin(run, directory, slot)
            run.directory, run.record = directory, record
            self.listener(run)
            outcome = run_process(
                record.command,
                environment={**slot.environment, **_QUIET},
                out=directory.log_file(run.config, "out"),
                err=directory.log_file(run.config, "err"),
                stop=self.stop,
                timeout=self.plan.experiment.timeout,
            )
            run.record = _settle(directory, outcome, self.plan.experiment.timeout)
        self.listener(run)

    def _begin(self, run: PlannedRun, directory: RunDirectory, slot: Slot) -> RunRecord:
        record = RunRecord(
            identity=run.identity,
            state=State.RUNNING,
            config=run.config,
            command=BACKENDS.get(run.config.backend).command(directory),
            device=slot.name,
            host=socket.gethostname(),
            pid=os.getpid(),
            started=_now(),
            environment={**self.environment, **slot.environment},
            git=self.git,
            model=run.model,
            datasets=run.datasets,
        )
        write_atomic(directory.config_file, experiment_yaml(run.config))
        directory.write(record)
        return record


#: The trainer's libraries write progress bars and warnings of their own into the logs otherwise.
_QUIET = {"TOKENIZERS_PARALLELISM": "false", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}


def experiment_yaml(config: RunConfig) -> str:
    """Return one run as an experiment file that `penstock train` takes."""
    data = config.data.model_dump(exclude_none=True)
    data["name"] = data.pop("label")
    return dump_yaml(
        redact(
            {
                "experiment": {"purpose": config.purpose, "description": config.description},
                "model": config.model,
                "task": config.task,
                "method": config.method,
                "data": data,
                "hyperparameters": config.hyperparameters,
                "backend": config.backend,
            }
        )
    )


def _settle(directory: RunDirectory, outcome: ProcessOutcome, timeout: float | None) -> RunRecord:
    """Complete the record of a run whose process has ended without doing so."""
    record = directory.read()
    if outcome.timed_out:
        record.state, record.failure = (
            State.FAILED,
            Failure(kind=FailureKind.TIME_OUT, message=f"took over {timeout:g} seconds"),
        )
    elif outcome.stopped:
        record.state = State.INTERRUPTED
    elif record.state is State.RUNNING:
        record.state, record.failure = State.FAILED, _failure(directory, record, outcome)
    if record.failure is not None:
        record.failure.status = outcome.status
    record.finished = record.finished or _now()
    directory.write(record)
    return record


def _failure(directory: RunDirectory, record: RunRecord, outcome: ProcessOutcome) -> Failure:
    if outcome.status < 0:
        name = signal.Signals(-outcome.status).name
        hint = "; the kernel does this when memory runs out" if name == "SIGKILL" else ""
        return Failure(kind=FailureKind.KILLED, message=f"ended by {name}{hint}")
    lines = directory.log_file(record.config, "err").read_text(errors="replace").splitlines()
    last = next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
    return Failure(kind=FailureKind.ERROR, message=f"ended with status {outcome.status}: {last}")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
