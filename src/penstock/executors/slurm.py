"""The executor `slurm`: the tasks of a Slurm job array, submitted with submitit."""

from __future__ import annotations

import importlib
import math
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal

from pydantic import Field

from penstock.errors import ConfigError, MissingExtraError
from penstock.executors._base import (
    Executor,
    Item,
    Result,
    WorkerError,
    item_label,
    picklable,
    usable_cores,
    use_one_thread,
)
from penstock.executors.local import LocalExecutor

_WORKERS = 64
#: Tasks in the array per task that runs at a time, to balance tasks of different lengths.
_TASKS_PER_WORKER = 4
_POLL_SECONDS = 0.5


class SlurmExecutor(Executor):
    """Runs items in the tasks of one job array; `workers` tasks (64) run at a time.

    A task runs consecutive items, `cpus_per_task` at a time. Every node needs access to `folder`,
    to this Python environment, and to the files that the function uses.
    """

    folder: Path = Field(
        Path("slurm"), description="The directory of scripts, logs and results of the tasks."
    )
    job_name: str = Field("penstock", description="The name of the job.")
    partition: str | None = Field(None, description="The partition; null: the default.")
    account: str | None = Field(None, description="The account; null: the default.")
    timeout_min: int = Field(120, ge=5, description="The time limit of a task, in minutes.")
    mem_gb: float = Field(8.0, gt=0, description="The memory of a task, in GiB.")
    cpus_per_task: int = Field(1, ge=1, description="The cores of a task.")
    array_size: int = Field(
        1000, ge=1, description="The most tasks of an array; below the cluster's MaxArraySize."
    )
    setup: list[str] = Field(
        default_factory=list, description="Shell commands before each task, such as module load."
    )
    parameters: dict[str, str | int | float | bool] = Field(
        default_factory=dict, description="More options of sbatch, such as qos and constraint."
    )
    cluster: Literal["slurm", "local"] = Field(
        "slurm", description="Where the tasks run; local: on this machine, for a test."
    )

    def map(
        self, function: Callable[[Item], Result], items: Sequence[Item]
    ) -> Generator[tuple[Item, Result], None, None]:
        if not items:
            return
        tasks = [_Task(function, chunk, self.cpus_per_task) for chunk in self._chunks(items)]
        running = dict(zip(self._submit(tasks), tasks, strict=True))
        try:
            while running:
                ended = [job for job in running if job.done()]
                for job in ended:
                    yield from _results(job, running.pop(job))
                if not ended:
                    time.sleep(_POLL_SECONDS)
        finally:
            self._cancel(list(running))

    def render(self, items: Sequence[Any]) -> str:
        """Return the sbatch script that `map` submits for these items."""
        _submitit()
        from submitit.slurm.slurm import _make_sbatch_string

        folder = self.folder.absolute()
        command = f"{shlex.quote(sys.executable)} -u -m submitit.core._submit"
        tasks = len(self._chunks(items))
        script: str = _make_sbatch_string(
            command=f"{command} {shlex.quote(str(folder))}",
            folder=folder,
            map_count=tasks if tasks > 1 else None,
            **self._sbatch_parameters(),
        )
        return script

    def _chunks(self, items: Sequence[Item]) -> list[Sequence[Item]]:
        if self.cluster == "local":
            most = self.workers or usable_cores()
        else:
            most = min((self.workers or _WORKERS) * _TASKS_PER_WORKER, self.array_size)
        size = math.ceil(len(items) / most)
        return [items[start : start + size] for start in range(0, len(items), size or 1)]

    def _sbatch_parameters(self) -> dict[str, Any]:
        parameters = {
            "job_name": self.job_name,
            "partition": self.partition,
            "account": self.account,
            "time": self.timeout_min,
            "mem": f"{math.ceil(self.mem_gb * 1024)}MB",
            "cpus_per_task": self.cpus_per_task,
            "array_parallelism": self.workers or _WORKERS,
            "setup": self.setup or None,
            "additional_parameters": self.parameters or None,
        }
        return {name: value for name, value in parameters.items() if value is not None}

    def _submit(self, tasks: Sequence[_Task[Any, Any]]) -> list[Any]:
        """Submit the tasks as one array; return submitit's jobs in the order of the tasks."""
        submitit = _submitit()
        from submitit.core.utils import FailedJobError, FailedSubmissionError

        if self.cluster == "local":
            submitter = submitit.LocalExecutor(self.folder)
            submitter.update_parameters(timeout_min=self.timeout_min, setup=self.setup)
        elif submitit.SlurmExecutor.affinity() < 0:
            raise ConfigError(
                "Slurm is not available ('srun' is not found); start on a node of the cluster, or "
                "use the executor local",
                field="executor",
            )
        else:
            submitter = submitit.SlurmExecutor(self.folder)
            submitter.update_parameters(**self._sbatch_parameters())
        try:
            return list(submitter.submit_array(tasks))
        except (FailedJobError, FailedSubmissionError, OSError) as error:
            raise ConfigError(f"the jobs cannot be submitted: {error}", field="executor") from None

    def _cancel(self, jobs: Sequence[Any]) -> None:
        if self.cluster == "slurm" and jobs:
            arrays = {job.job_id.partition("_")[0] for job in jobs}
            subprocess.run(["scancel", *sorted(arrays)], check=False)
            return
        for job in jobs:
            job.cancel()
            job.wait()


@dataclass(frozen=True)
class _Task(Generic[Item, Result]):
    """The work of one task of the array."""

    function: Callable[[Item], Result]
    items: Sequence[Item]
    workers: int

    def __call__(self) -> tuple[list[tuple[int, Result]], Exception | None]:
        """Return the index and the result of the items that are done, and the exception if any."""
        use_one_thread()
        results: list[tuple[int, Result]] = []
        executor = LocalExecutor(workers=self.workers)
        try:
            results.extend(executor.map(self._run, range(len(self.items))))
        except Exception as error:
            return results, picklable(error)
        return results, None

    def _run(self, index: int) -> Result:
        return self.function(self.items[index])


def _results(job: Any, task: _Task[Item, Result]) -> Iterator[tuple[Item, Result]]:
    """Yield the results of a task that has ended, then raise its exception if it has one."""
    from submitit.core.utils import UncompletedJobError

    try:
        results, error = job.result()
    except UncompletedJobError as failure:
        results, error = [], failure
    for index, result in results:
        yield task.items[index], result
    if isinstance(error, UncompletedJobError):  # also for a time limit
        state = "" if job.state in ("FINISHED", "UNKNOWN") else f" ({job.state})"
        label = item_label(task.items[len(results)])
        raise WorkerError(
            f"task {job.job_id}{state} ended early, at or near {label}; log: {job.paths.stderr}; "
            "if time or memory ran out, raise timeout_min or mem_gb"
        )
    if error is not None:
        raise error


def _submitit() -> Any:
    try:
        return importlib.import_module("submitit")
    except ModuleNotFoundError:
        raise MissingExtraError("submitit", "slurm", "the executor slurm") from None


EXECUTOR = SlurmExecutor
