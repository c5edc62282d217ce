"""One run with `llamafactory-cli train`: train, then evaluate the weights that were kept."""

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
from penstock.runs.process import RunFailedError, peak_resident_bytes
from penstock.trainers.llamafactory.environment import inspect, require_environment
from penstock.trainers.llamafactory.hyperparameters import hyperparameters_of
from penstock.trainers.llamafactory.metrics import LOG_NAME, OutputParser, TrainerLog
from penstock.trainers.llamafactory.rows import SplitRows, read_splits
from penstock.trainers.llamafactory.settings import (
    Job,
    dtype_on,
    evaluation_settings,
    training_settings,
)

TRAINED_NAME = "trainer"
_TEST_NAME = "trainer_test"
_CACHE_NAME = ".datasets"
#: The run's directory is the only record, and the output is parsed line by line.
_FIXED_SETTINGS = {"report_to": "none", "disable_tqdm": True}
#: The log must contain how many rows are read, and how much memory is used.
_VARIABLES = {
    "LLAMAFACTORY_VERBOSITY": "INFO",
    "RECORD_VRAM": "1",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
}


def train_run(record: RunRecord, directory: RunDirectory) -> RunResult:
    """Train the run of a directory, and return its result.

    Raises ConfigError if LLaMA-Factory is not installed or the data has no evaluation rows,
    DataError for a row that it would drop, PenstockError if it fails or has not read every row.
    """
    start = time.perf_counter()
    process = _Process(record, directory)
    splits = read_splits(record.config.data)
    try:
        log, dev_loss = process.train(splits)
        tested = "test" if "test" in splits else "validation"
        score = process.test(splits["test"]) if tested == "test" else dev_loss
    finally:
        shutil.rmtree(process.cache, ignore_errors=True)
    return RunResult(
        metric="loss",
        score=score,
        scores={"loss": score, "perplexity": perplexity(score)},
        chance=None,
        dev_score=dev_loss,
        best_step=min(log.dev_losses, key=lambda s: (log.dev_losses[s], s), default=log.steps),
        steps=log.steps,
        train_rows=splits["train"].rows,
        dev_rows=splits["validation"].rows,
        evaluation_rows=splits[tested].rows,
        evaluation_split=tested,
        # It truncates silently; of packed rows it drops long ones, which fails the run.
        truncated_rows=0 if process.values.packing else None,
        first_loss=log.losses[0] if log.losses else None,
        last_loss=log.losses[-1] if log.losses else None,
        tokens=log.tokens,
        seconds=round(time.perf_counter() - start, 3),
        peak_memory_bytes=log.peak_memory or peak_resident_bytes(resource.RUSAGE_CHILDREN),
    )


class _Process:
    """Starts LLaMA-Factory for one run."""

    def __init__(self, record: RunRecord, directory: RunDirectory) -> None:
        self.record = record
        self.directory = directory
        self.config = record.config
        self.cache = directory.path / _CACHE_NAME
        self.trained = directory.path / TRAINED_NAME
        self.values = hyperparameters_of(self.config.method)(**self.config.hyperparameters)
        self.dtype = dtype_on(record.device, self.values.compute_dtype)
        self.environment = require_environment()
        contents = inspect(self.environment)
        for module, error in contents.import_errors.items():
            raise ConfigError(
                f"LLaMA-Factory cannot start: {module}: {error}; see penstock doctor",
                file=self.environment.cli,
            )
        # The result depends on these versions, not on penstock's own.
        record.environment |= {
            **contents.versions,
            "executable": str(self.environment.python),
            "compute_dtype": self.dtype,
        }

    def train(self, splits: Mapping[str, SplitRows]) -> tuple[TrainerLog, float]:
        """Train; return the log, and the evaluation loss of the weights that were kept."""
        job = self._job(splits["train"].names, splits["validation"].names, self.trained)
        settings = training_settings(job, self.values, self.dtype)
        expected = {"training": splits["train"], "evaluation": splits["validation"]}
        stop = threading.Event()
        with TrainerLog(self.trained / LOG_NAME, self.directory, stop) as log:
            failure = self._run(settings, "train", expected, stop)
        log.raise_error()
        if failure is not None:
            raise failure
        return log, _eval_loss(self.trained)

    def test(self, split: SplitRows) -> float:
        """Return the loss on the test rows of the weights that were kept."""
        output = self.directory.path / _TEST_NAME
        job = self._job([], split.names, output)
        settings = evaluation_settings(job, self.values, self.dtype, self.trained)
        failure = self._run(settings, "test", {"evaluation": split}, threading.Event())
        if failure is not None:
            raise failure
        return _eval_loss(output)

    def _job(self, train: list[str], evaluation: list[str], output: Path) -> Job:
        return Job(self.config.model, Path(self.config.data.path or ""), train, evaluation, output)

    def _run(
        self,
        settings: dict[str, Any],
        name: str,
        expected: Mapping[str, SplitRows],
        stop: threading.Event,
    ) -> PenstockError | None:
        """Run `llamafactory-cli train` to its end, or until `stop`; return why it failed."""
        file = self.directory.path / f"llamafactory_{name}.yaml"
        hashes = "".join(
            f"# {use.path} is {use.manifest.content_hash}\n" for use in self.record.datasets
        )
        write_atomic(file, hashes + dump_yaml({**settings, **_FIXED_SETTINGS}))
        parser = OutputParser(expected, packed=self.values.packing, stop=stop)
        outcome = run_process(
            [str(self.environment.cli), "train", str(file)],
            environment={**_VARIABLES, "HF_DATASETS_CACHE": str(self.cache)},
            out=self.directory.log_file(self.config, "out"),
            err=self.directory.log_file(self.config, "err"),
            stop=stop,
            edit=parser.parse,
        )
        problem = parser.problem(so_far=outcome.stopped or outcome.status != 0)
        if outcome.status == 0 or outcome.stopped:
            return problem
        failure = _failure(outcome.status, parser.last_error)
        # Without rows it fails too, for which `problem` is the reason; a signal is another reason.
        return failure if outcome.status < 0 else problem or failure


def _failure(status: int, last_error: str) -> PenstockError:
    """Return the failure of a process whose exit status is not 0."""
    if status < 0:
        message = f"LLaMA-Factory was killed by {signal.Signals(-status).name}"
        hint = "; the kernel does this when memory runs out" * (-status == signal.SIGKILL)
        return RunFailedError(message + hint, FailureKind.KILLED)
    return PenstockError(
        f"LLaMA-Factory ended with status {status}: {last_error or 'it printed no error'}"
    )


def _eval_loss(output: Path) -> float:
    """Return the loss of the last evaluation."""
    file = output / "eval_results.json"
    try:
        loss = float(json.loads(file.read_bytes())["eval_loss"])
    except (OSError, ValueError, KeyError) as error:
        raise PenstockError(f"{file}: LLaMA-Factory wrote no evaluation loss ({error})") from None
    if not math.isfinite(loss):
        raise RunFailedError(f"evaluation loss is {loss}", FailureKind.NOT_FINITE)
    return loss
