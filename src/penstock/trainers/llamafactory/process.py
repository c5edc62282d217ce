"""Carry one run with `llamafactory-cli train`: train it, then evaluate what was kept."""

from __future__ import annotations

import json
import math
import resource
import shutil
import signal
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from penstock.config import dump_yaml
from penstock.errors import ConfigError, PenstockError
from penstock.executors import run_process
from penstock.files import write_atomic
from penstock.runs import FailureKind, RunDirectory, RunRecord, RunResult, perplexity
from penstock.runs.carrying import RunFailedError
from penstock.runs.memory import peak_resident
from penstock.trainers.llamafactory.environment import Contents, look_into, require_environment
from penstock.trainers.llamafactory.following import LOG_NAME, TrainerLog
from penstock.trainers.llamafactory.hyperparameters import hyperparameters_of
from penstock.trainers.llamafactory.printed import Printed
from penstock.trainers.llamafactory.rows import Part, parts_of
from penstock.trainers.llamafactory.settings import (
    Job,
    dtype_on,
    evaluation_settings,
    training_settings,
)

TRAINED_NAME = "trainer"
_TEST_NAME = "trainer_test"
_CACHE_NAME = ".datasets"
#: A run's own directory is the truth; logs are read by the line.
_ALONE = {"report_to": "none", "disable_tqdm": True}
#: The log tells how many rows were read, and how much memory was held.
_ENVIRONMENT = {
    "LLAMAFACTORY_VERBOSITY": "INFO",
    "RECORD_VRAM": "1",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
}


def train_run(record: RunRecord, directory: RunDirectory) -> RunResult:
    """Train the run of a directory, and return its result.

    Raises ConfigError where LLaMA-Factory is not here or the data has no evaluation rows, DataError
    for a row that it would drop, PenstockError where it fails or has not read every row.
    """
    start = time.perf_counter()
    runner = _Runner(record, directory)
    parts = parts_of(record.config.data)
    try:
        log, dev_loss = runner.train(parts)
        tested = "test" if "test" in parts else "validation"
        score = runner.test(parts["test"]) if tested == "test" else dev_loss
    finally:
        shutil.rmtree(runner.cache, ignore_errors=True)
    return RunResult(
        metric="loss",
        score=score,
        scores={"loss": score, "perplexity": perplexity(score)},
        chance=None,
        dev_score=dev_loss,
        best_step=min(log.dev_losses, key=lambda s: (log.dev_losses[s], s), default=log.steps),
        steps=log.steps,
        train_rows=parts["train"].rows,
        dev_rows=parts["validation"].rows,
        evaluation_rows=parts[tested].rows,
        evaluation_split=tested,
        # It cuts without a word; of packed rows it drops long ones, which fails the run.
        truncated_rows=0 if runner.values.packing else None,
        first_loss=log.losses[0] if log.losses else None,
        last_loss=log.losses[-1] if log.losses else None,
        tokens=log.tokens,
        seconds=round(time.perf_counter() - start, 3),
        peak_memory_bytes=log.peak_memory or peak_resident(resource.RUSAGE_CHILDREN),
    )


class _Runner:
    """Starts LLaMA-Factory for one run."""

    def __init__(self, record: RunRecord, directory: RunDirectory) -> None:
        self.record = record
        self.directory = directory
        self.config = record.config
        self.data = Path(self.config.data.path or "")
        self.cache = directory.path / _CACHE_NAME
        self.trained = directory.path / TRAINED_NAME
        self.values = hyperparameters_of(self.config.method)(**self.config.hyperparameters)
        self.dtype = dtype_on(record.device, self.values.compute_dtype)
        self.environment = require_environment()
        self._note(look_into(self.environment))

    def train(self, parts: Mapping[str, Part]) -> tuple[TrainerLog, float]:
        """Train; return the log, and the evaluation loss of the weights that were kept."""
        job = self._job(parts["train"].names, parts["validation"].names, self.trained)
        settings = training_settings(job, self.values, self.dtype)
        expected = {"training": parts["train"], "evaluation": parts["validation"]}
        stop = threading.Event()
        with TrainerLog(self.trained / LOG_NAME, self.directory, stop) as log:
            failure = self._run(settings, "train", expected, stop)
        log.require_sound()
        if failure is not None:
            raise failure
        return log, _eval_loss(self.trained)

    def test(self, part: Part) -> float:
        """Return the loss on the test rows of the weights that were kept."""
        place = self.directory.path / _TEST_NAME
        job = self._job([], part.names, place)
        settings = evaluation_settings(job, self.values, self.dtype, self.trained)
        failure = self._run(settings, "test", {"evaluation": part}, threading.Event())
        if failure is not None:
            raise failure
        return _eval_loss(place)

    def _job(self, train: list[str], evaluation: list[str], output: Path) -> Job:
        return Job(self.config.model, self.data, train, evaluation, output)

    def _run(
        self,
        settings: dict[str, Any],
        name: str,
        expected: Mapping[str, Part],
        stop: threading.Event,
    ) -> PenstockError | None:
        """Run `llamafactory-cli train` to its end, or until `stop`; return why it failed."""
        file = self.directory.path / f"llamafactory_{name}.yaml"
        hashes = "".join(
            f"# {use.path} is {use.manifest.content_hash}\n" for use in self.record.datasets
        )
        write_atomic(file, hashes + dump_yaml({**settings, **_ALONE}))
        printed = Printed(expected, packed=self.values.packing, stop=stop)
        outcome = run_process(
            [str(self.environment.cli), "train", str(file)],
            environment={**_ENVIRONMENT, "HF_DATASETS_CACHE": str(self.cache)},
            out=self.directory.log_file(self.config, "out"),
            err=self.directory.log_file(self.config, "err"),
            stop=stop,
            edit=printed.read,
        )
        problem = printed.problem(so_far=outcome.stopped or outcome.status != 0)
        if outcome.status == 0 or outcome.stopped:
            return problem
        failure = _failure(outcome.status, printed.last_error)
        # It also ends by itself for want of rows; a signal comes from elsewhere.
        return failure if outcome.status < 0 else problem or failure

    def _note(self, contents: Contents) -> None:
        """Record the versions that the result depends on in the place of penstock's own."""
        for module, trouble in contents.troubles.items():
            raise ConfigError(
                f"LLaMA-Factory cannot start: {module}: {trouble}; penstock doctor says what to do",
                file=self.environment.cli,
            )
        self.record.environment |= {
            **contents.versions,
            "executable": str(self.environment.python),
            "compute_dtype": self.dtype,
        }


def _failure(status: int, said: str) -> PenstockError:
    """Return the failure of a process that ended otherwise than with 0."""
    if status < 0:
        words = f"LLaMA-Factory was ended by {signal.Signals(-status).name}"
        hint = "; the kernel does this when memory runs out" * (-status == signal.SIGKILL)
        return RunFailedError(words + hint, FailureKind.KILLED)
    return PenstockError(f"LLaMA-Factory ended with status {status}: {said or 'it said nothing'}")


def _eval_loss(output: Path) -> float:
    """Return the loss of the evaluation that comes last."""
    file = output / "eval_results.json"
    try:
        loss = float(json.loads(file.read_bytes())["eval_loss"])
    except (OSError, ValueError, KeyError) as error:
        raise PenstockError(f"{file}: LLaMA-Factory left no evaluation loss ({error})") from None
    if not math.isfinite(loss):
        raise RunFailedError(f"evaluation loss is {loss}", FailureKind.NOT_FINITE)
    return loss
