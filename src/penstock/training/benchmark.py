"""The training data of a benchmark task, split as the MeZO loaders do.

The last `dev` rows of the train file choose checkpoints, those before them are trained on, and
the validation file is evaluated. With an original and a synthetic dataset, dev and evaluation rows
come from the original, and the dev rows of neither dataset are trained on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from penstock.errors import ConfigError
from penstock.formats import TaskDirectory
from penstock.runs import RunConfig, RunData
from penstock.tasks import GenerationTask, Task, benchmark_task
from penstock.training.data import Evaluation, Log, TrainingData, evaluation_sample, sample
from penstock.training.encoding import EncodedRow, Encoder
from penstock.training.evaluation import evaluate
from penstock.training.hyperparameters import Hyperparameters
from penstock.training.model import load_tokenizer, position_limit
from penstock.training.objective import OptionObjective

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class BenchmarkRows:
    """The rows of a run by role; no row has two."""

    train: Rows
    dev: Rows
    evaluation: Rows


def load_rows(
    data: RunData, task_name: str, hyperparameters: Hyperparameters, log: Log
) -> BenchmarkRows:
    """Read and divide the rows of a run; `log` receives their files and counts.

    Raises DataError for rows that cannot be read, ConfigError if no row is left to train on.
    """
    task = benchmark_task(task_name)
    dev_count = hyperparameters.dev_samples or task.dev_rows
    main = TaskDirectory(Path(str(data.path or data.original)), task)
    train, dev = _train_and_dev(main, dev_count, log)
    if data.path is None and data.mix == "synthetic":
        train = []
    if data.path is None and data.mix in ("synthetic", "both"):
        synthetic = TaskDirectory(Path(str(data.synthetic)), task)
        train = train + _train_and_dev(synthetic, dev_count, log)[0]
    evaluation = main.answered_rows("validation")
    log(f"Loaded {len(evaluation)} samples from {main.file('validation')}")
    rows = BenchmarkRows(
        train=sample(train, hyperparameters.train_samples, hyperparameters.seed),
        dev=dev,
        evaluation=evaluation_sample(evaluation, hyperparameters.eval_samples),
    )
    log(
        f"Training on {len(rows.train)} of {len(train)} rows, choosing on {len(rows.dev)}, "
        f"evaluating on {len(rows.evaluation)} of {len(evaluation)}"
    )
    return rows


def _train_and_dev(dataset: TaskDirectory, dev_count: int, log: Log) -> tuple[Rows, Rows]:
    log(f"Loading {dataset.task.directory} dataset from local JSONL files at: {dataset.path}")
    rows = dataset.answered_rows("train")
    log(f"Loaded {len(rows)} samples from {dataset.file('train')}")
    if dev_count >= len(rows):
        raise ConfigError(
            f"{dev_count} dev rows leave nothing of the {len(rows)} rows of "
            f"{dataset.file('train')} to train on; choose fewer",
            field="hyperparameters.dev_samples",
        )
    return rows[:-dev_count], rows[-dev_count:]


class BenchmarkData(TrainingData[EncodedRow]):
    """Rows of a benchmark task, answered by choosing an option or by generating text."""

    objective: OptionObjective

    def __init__(self, config: RunConfig, hyperparameters: Hyperparameters, log: Log) -> None:
        task = benchmark_task(config.task)
        self._classification = _trains_as_classification(task, hyperparameters)
        self._compute_dtype = hyperparameters.compute_dtype
        rows = load_rows(config.data, config.task, hyperparameters, log)
        self.tokenizer = load_tokenizer(config.model)
        limit = position_limit(config.model)
        self.encoder = Encoder(task, self.tokenizer, hyperparameters.max_length, limit)
        self.train = self.encoder.encode(rows.train)
        self.dev = self.encoder.encode(rows.dev)
        self.evaluation = self.encoder.encode(rows.evaluation)
        if self.encoder.truncated:
            log(
                f"{self.encoder.truncated} rows have over {hyperparameters.max_length} tokens: "
                "truncated on the left"
            )

    def attach(self, model: torch.nn.Module) -> None:
        self.objective = OptionObjective(
            model, classification=self._classification, compute_dtype=self._compute_dtype
        )

    def evaluate(self, rows: Sequence[EncodedRow]) -> Evaluation:
        return evaluate(self.encoder, self.objective, rows)

    def chance_score(self) -> float:
        return chance_score(self.encoder.task, self.evaluation)


def chance_score(task: Task, rows: Sequence[EncodedRow]) -> float:
    """Return the score of guessing, or of always giving the most frequent answer if higher.

    The most frequent answer counts only if every row has the same number of options. Generated
    answers cannot be guessed: 0.
    """
    if isinstance(task, GenerationTask) or not rows:
        return 0.0
    guessing = sum(len(row.correct) / len(row.options) for row in rows) / len(rows)
    if len({len(row.options) for row in rows}) > 1:
        return guessing
    most = Counter(row.correct[0] for row in rows).most_common(1)[0][1]
    return max(guessing, most / len(rows))


def _trains_as_classification(task: Task, hyperparameters: Hyperparameters) -> bool:
    choice = hyperparameters.train_as_classification
    if choice and isinstance(task, GenerationTask):
        raise ConfigError(
            f"{task.name} has generated answers and no options to compare; leave it out",
            field="hyperparameters.train_as_classification",
        )
    return task.classification if choice is None else choice
