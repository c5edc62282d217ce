"""Run directories, created and executed as experiments do it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson

from penstock.runs import (
    ModelUse,
    RunConfig,
    RunData,
    RunDirectory,
    RunRecord,
    RunResult,
    State,
    model_hash,
)
from penstock.training.loop import PREDICTIONS_NAME, TrainingLoop

#: A run of seconds that logs every step and evaluates dev rows before and after training.
SMALL: dict[str, Any] = {
    "learning_rate": 1e-3,
    "batch_size": 4,
    "steps": 4,
    "dev_samples": 8,
    "eval_steps": 1000,
    "logging_steps": 1,
    "max_length": 128,
}


def make_run(
    root: Path, model: Path | str, task: str, method: str, data: Path | RunData, **values: Any
) -> RunDirectory:
    """Create the directory of a run that is about to start; `values` override SMALL.

    `chat_template` is the template itself.
    """
    text = values.get("chat_template")
    if text is not None:
        values["chat_template"] = f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
    config = RunConfig(
        purpose="test",
        model=str(model),
        task=task,
        method=method,
        data=data if isinstance(data, RunData) else RunData(path=str(data), label="original"),
        hyperparameters=SMALL | values,
        template_text=text,
    )
    directory = RunDirectory.create(root, config)
    record = RunRecord(
        identity="0" * 16,
        state=State.RUNNING,
        config=config,
        command=command(directory),
        device="cpu",
        host="here",
        pid=os.getpid(),
        started="2025-01-01T00:00:00+00:00",
        model=ModelUse(name=str(model), sha256=model_hash(Path(model))),
        datasets=[],
    )
    directory.write(record)
    return directory


def trainer_of(directory: RunDirectory) -> TrainingLoop:
    """Return the training loop of a run, in this process."""
    record = directory.read()
    return TrainingLoop(record.config, directory, record.device)


def train(directory: RunDirectory) -> RunResult:
    """Execute the run in this process and write its result, as its own process would."""
    record = directory.read()
    record.result = trainer_of(directory).train()
    record.state = State.DONE
    directory.write(record)
    return record.result


def losses(directory: RunDirectory) -> list[float]:
    """Return the loss of every logged step."""
    return [line["loss"] for line in directory.metrics() if "loss" in line]


def predictions(directory: RunDirectory) -> list[Any]:
    """Return the prediction for each evaluation row."""
    lines = (directory.path / PREDICTIONS_NAME).read_bytes().splitlines()
    return [orjson.loads(line)["prediction"] for line in lines]


def command(directory: RunDirectory) -> list[str]:
    """Return the command that executes the run in a process of its own."""
    return [sys.executable, "-m", "penstock.training", str(directory.path)]


def start(directory: RunDirectory, **options: Any) -> subprocess.Popen[str]:
    """Start the process of a run, with one thread and without network."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    return subprocess.Popen(
        command(directory),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )
