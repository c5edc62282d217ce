"""The contents of `run.json`: configuration, model, data and result, and what scores mean."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, model_validator

from penstock._version import __version__
from penstock.config import short_number
from penstock.errors import ConfigError
from penstock.files import sha256_of
from penstock.manifest import Manifest
from penstock.splits import SPLIT_NAMES

Mix = Literal["original", "synthetic", "both"]

#: Every other metric is a fraction from 0 to 1, and higher is better.
_LOWER_IS_BETTER = frozenset({"loss", "perplexity"})
#: Entries of a model directory that are not part of the model.
_NOT_THE_MODEL = {".git", ".gitattributes", "README.md", ".cache"}
#: exp of more than this overflows a float.
_LARGEST_EXPONENT = 709.0


def now() -> str:
    """Return the current time as in records: UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class State(StrEnum):
    """The state of a run. Only `done` is a result."""

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

    `train`, `validation` and `test` are for chat datasets: comma-separated entries of
    `dataset_info.json` to read; None means the dataset's own split.
    """

    path: str | None = None
    train: str | None = None
    validation: str | None = None
    test: str | None = None
    original: str | None = None
    synthetic: str | None = None
    mix: Mix | None = None
    #: The name of the data in directories and tables.
    label: str

    @property
    def entries(self) -> dict[str, str]:
        """The given entries, by split."""
        return self.model_dump(include=set(SPLIT_NAMES), exclude_none=True)


class RunConfig(_Strict):
    """Everything that determines what a run computes and where its result is stored.

    The hyperparameters contain the hash of a chat template. Its text is not in the record, where
    masking of secrets could change it: `RunDirectory` keeps it in a file.
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

    @model_validator(mode="before")
    @classmethod
    def _read_0_1_0(cls, values: Any) -> Any:
        """Accept the records of penstock 0.1.0, whose key for the trainer was `backend`."""
        if isinstance(values, dict) and "backend" in values:
            values = dict(values)
            backend = values.pop("backend")
            values["trainer"] = "penstock" if backend == "builtin" else backend
        return values

    def identity(self, model_hash: str | None, data_hashes: dict[str, str]) -> str:
        """Return the hash of everything that determines the results, 16 hexadecimal digits.

        The same configuration, model and data give the same identity wherever they are stored;
        the purpose and the description are not part of it.
        """
        mix = self.data.mix
        if mix == "original":  # the same run as with the original as its only dataset
            mix, data_hashes = None, {"path": data_hashes["original"]}
        decisive: dict[str, Any] = {
            # The names of 0.1.0: others would change the identity of every finished run.
            "backend": "builtin" if self.trainer == "penstock" else self.trainer,
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
        """The learning rate as in directory and file names, such as `1e-6`."""
        return short_number(self.hyperparameters["learning_rate"])

    @property
    def model_label(self) -> str:
        """The model as a directory name: `org/name` of the hub, or the last part of a path."""
        path = Path(self.model).expanduser()
        local = path.is_absolute() or self.model.startswith((".", "~")) or path.exists()
        return path.stem if path.suffix == ".gguf" else path.resolve().name if local else self.model


class ModelUse(_Strict):
    """The model a run started from; `sha256` covers every file of a local model."""

    name: str
    sha256: str | None = None


def local_model_path(name: str) -> Path | None:
    """Return the absolute path of a local model, None for the name of a model on the hub.

    Raises ConfigError for a directory that contains no model.
    """
    path = Path(name).expanduser()
    if path.is_dir() and not (path / "config.json").is_file():
        raise ConfigError("is not a model: it has no config.json", file=path)
    return path.resolve() if path.exists() else None


def model_hash(path: Path) -> str | None:
    """Return the hash of a model's file or of all files of its directory; None if absent."""
    if path.is_file():
        return sha256_of(path)
    if not path.is_dir():
        return None
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")):
        inside = file.relative_to(path)
        if file.is_file() and inside.parts[0] not in _NOT_THE_MODEL:
            digest.update(f"{inside.as_posix()}\0{sha256_of(file)}\n".encode())
    return f"sha256:{digest.hexdigest()}"


class DatasetUse(_Strict):
    """A dataset that a run reads; `role` is `path`, `original` or `synthetic`."""

    role: str
    path: str
    manifest: Manifest


class RunResult(_Strict):
    """The result of a run.

    `score` is the task's metric on the evaluation rows, from 0 to 1 (a loss is in nats), with the
    weights of `best_step`, the step with the best dev score. `chance` is the score of the most
    frequent answer or of guessing, None if the task has no such baseline. `evaluation_tokens` is
    the number of answer tokens in the mean loss (chat), None if the trainer does not report it.
    Rows are dropped or truncated only as the hyperparameter `too_long` says; `truncated_rows` is
    None if the trainer does not report it.
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
    """Why a run failed. `status` is the exit status, or minus the signal that ended the process."""

    kind: FailureKind
    message: str
    status: int | None = None


class RunRecord(_Strict):
    """`run.json`, written when the run starts and again when it ends."""

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


def lower_is_better(metric: str) -> bool:
    """Return True if a lower score is better; such metrics have no upper bound."""
    return metric in _LOWER_IS_BETTER


def score_for_ranking(metric: str, score: float) -> float:
    """Return a number that is higher for a better score of the metric."""
    return -score if lower_is_better(metric) else score


def perplexity(loss: float) -> float:
    """Return exp of a loss in nats, or the largest power of e that fits in a float."""
    return math.exp(min(loss, _LARGEST_EXPONENT))


def varying_hyperparameters(configs: Iterable[RunConfig]) -> list[str]:
    """Return the hyperparameters in which runs of the same task and method differ, in their order.

    A value that differs only because the task or the method sets it does not count.
    """
    seen: dict[str, dict[tuple[str, str], set[Any]]] = {}
    for config in configs:
        for name, value in config.hyperparameters.items():
            values = seen.setdefault(name, {}).setdefault((config.task, config.method), set())
            values.add(value)
    return [name for name, groups in seen.items() if any(len(v) > 1 for v in groups.values())]
