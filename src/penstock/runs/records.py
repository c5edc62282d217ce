"""What stands in `run.json`."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field

from penstock._version import __version__
from penstock.config import short_number
from penstock.manifest import Manifest

Mix = Literal["original", "synthetic", "both"]


def now() -> str:
    """Return the time as records hold it: UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class State(StrEnum):
    """Where a run stands. Only `done` counts as a result."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


class FailureKind(StrEnum):
    """Why a run failed."""

    OUT_OF_MEMORY = "out of memory"
    NOT_FINITE = "nan"
    TIME_OUT = "time-out"
    KILLED = "killed"
    ERROR = "error"


class RunData(_Strict):
    """The data of a run: one dataset, or an original, its synthetic version, and which to use.

    Of a chat dataset `train`, `validation` and `test` name the entries of `dataset_info.json` to
    read, with commas between; None is the split as the dataset has it.
    """

    path: str | None = None
    train: str | None = None
    validation: str | None = None
    test: str | None = None
    original: str | None = None
    synthetic: str | None = None
    mix: Mix | None = None
    #: How the data is called in directories and tables.
    label: str

    @property
    def entries(self) -> dict[str, str]:
        """The entries that are named, by split."""
        named = {"train": self.train, "validation": self.validation, "test": self.test}
        return {split: names for split, names in named.items() if names is not None}


class RunConfig(_Strict):
    """Everything that decides what a run computes, and where its result is filed.

    Of a chat template the hyperparameters hold the hash. Its text is no part of the record, where
    secrets are masked by their names: `RunDirectory` keeps it in a file.
    """

    purpose: str
    description: str = ""
    trainer: str = "penstock"
    model: str
    task: str
    method: str
    data: RunData
    hyperparameters: dict[str, Any]
    template_text: str | None = Field(None, exclude=True)

    def identity(self, model_hash: str | None, data_hashes: dict[str, str]) -> str:
        """Return the hash of what decides the run's numbers, 16 hexadecimal digits.

        The same configuration, model and data give the same identity wherever they lie; the
        purpose and the description are not part of it.
        """
        mix = self.data.mix
        if mix == "original":  # the same as naming the original alone
            mix, data_hashes = None, {"path": data_hashes["original"]}
        decisive: dict[str, Any] = {
            "trainer": self.trainer,
            "model": model_hash or self.model,
            "task": self.task,
            "method": self.method,
            "mix": mix,
            "data": data_hashes,
            "hyperparameters": self.hyperparameters,
        }
        if self.data.entries:
            decisive["entries"] = self.data.entries
        text = orjson.dumps(decisive, option=orjson.OPT_SORT_KEYS)
        return hashlib.sha256(text).hexdigest()[:16]

    @property
    def rate_label(self) -> str:
        """The learning rate as directories and file names carry it, such as `1e-6`."""
        return short_number(self.hyperparameters["learning_rate"])

    @property
    def model_label(self) -> str:
        """The model as a directory: a hub name whole (`org/name`), a path's last part."""
        path = Path(self.model).expanduser()
        local = path.is_absolute() or self.model.startswith((".", "~")) or path.exists()
        return path.stem if path.suffix == ".gguf" else path.resolve().name if local else self.model


class ModelUse(_Strict):
    """The model a run started from; `sha256` covers every file of a local one."""

    name: str
    sha256: str | None = None


class DatasetUse(_Strict):
    """A dataset a run read, and for what (`path`, `original` or `synthetic`)."""

    role: str
    path: str
    manifest: Manifest


class RunResult(_Strict):
    """What a run came to.

    `score` is the task's metric on the evaluation rows, from 0 to 1 (a loss in nats), with the
    weights of `best_step`, which the dev score chose. `chance` is what always giving the most
    frequent answer, or guessing, would score; None where nothing can be guessed. Of chat
    `evaluation_tokens` are the tokens of answers that the loss is the mean of, None where the
    trainer does not tell. Rows were left out (`dropped_rows`) or cut (`truncated_rows`) only where
    `too_long` said so; None where the trainer cuts and does not tell.
    """

    metric: str
    score: float
    scores: dict[str, float]
    chance: float | None
    dev_score: float
    best_step: int
    steps: int
    train_rows: int
    dev_rows: int
    evaluation_rows: int
    evaluation_tokens: int | None = None
    evaluation_split: Literal["validation", "test"] = "validation"
    dropped_rows: int = 0
    truncated_rows: int | None = 0
    first_loss: float | None = None
    last_loss: float | None = None
    tokens: int = 0
    seconds: float = 0.0
    peak_memory_bytes: int = 0


class Failure(_Strict):
    """How a run failed: the kind, the words, and the exit status (negative: the signal)."""

    kind: FailureKind
    message: str
    status: int | None = None


class RunRecord(_Strict):
    """`run.json`: written when the run starts, and once more when it ends."""

    penstock: str = __version__
    identity: str
    state: State
    config: RunConfig
    command: list[str]
    device: str
    host: str
    pid: int
    started: str
    finished: str | None = None
    environment: dict[str, str] = Field(default_factory=dict)
    git: dict[str, Any] | None = None
    model: ModelUse
    datasets: list[DatasetUse]
    result: RunResult | None = None
    failure: Failure | None = None
