"""A benchmark task as what a run learns."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from penstock.errors import ConfigError
from penstock.runs import RunConfig
from penstock.tasks import GenerationTask, Task, benchmark_task
from penstock.training.data import load_rows
from penstock.training.encoding import EncodedRow, Encoder
from penstock.training.evaluation import Evaluator, chance
from penstock.training.hyperparameters import Hyperparameters
from penstock.training.methods import LossPart
from penstock.training.model import load_tokenizer, position_limit
from penstock.training.objective import Objective
from penstock.training.subject import Say, Score, Subject


class Benchmark(Subject[EncodedRow]):
    """Rows whose answer is one of their options, or is written."""

    objective: Objective

    def __init__(self, config: RunConfig, values: Hyperparameters, say: Say) -> None:
        self.task = benchmark_task(config.task)
        self._classification = _by_classification(self.task, values)
        self._compute_dtype = values.compute_dtype
        rows = load_rows(config.data, config.task, values, say)
        self.tokenizer = load_tokenizer(config.model)
        limit = position_limit(config.model)
        self._encoder = Encoder(self.task, self.tokenizer, values.max_length, limit)
        self.train = self._encoder.encode(rows.train)
        self.dev = self._encoder.encode(rows.dev)
        self.evaluation = self._encoder.encode(rows.evaluation)
        if self._encoder.cut:
            say(f"{self._encoder.cut} rows have over {values.max_length} tokens: cut on the left")

    def attach(self, model: torch.nn.Module) -> None:
        """Take the model that the method has prepared."""
        self.objective = Objective(
            model, classification=self._classification, compute_dtype=self._compute_dtype
        )
        self.evaluator = Evaluator(self.task, self.tokenizer, self._encoder, self.objective)

    def parts(self, rows: Sequence[EncodedRow], batch_size: int) -> list[LossPart]:
        """Return the parts of the mean over the rows, or over the tokens of their answers."""
        weight = self.objective.weight(rows)
        groups = [rows[i : i + batch_size] for i in range(0, len(rows), batch_size)]
        return [lambda group=group: self.objective.loss(group, weight) for group in groups]  # type: ignore[misc]

    def score(self, rows: Sequence[EncodedRow]) -> Score:
        """Return the scores of the rows, and what was answered to each."""
        found = self.evaluator.evaluate(rows)
        lines = [
            {"row": row.row, "prediction": prediction, "scores": scores}
            for row, prediction, scores in zip(
                rows, found.predictions, found.row_scores, strict=True
            )
        ]
        return Score(found.scores, found.loss, lines)

    def chance(self) -> float:
        """Return what guessing, or always giving the most frequent answer, scores."""
        return chance(self.task, self.evaluation)


def _by_classification(task: Task, values: Hyperparameters) -> bool:
    """Say whether training compares a row's options; written answers have nothing to compare."""
    if values.train_as_classification is None:
        return task.classification
    if values.train_as_classification and isinstance(task, GenerationTask):
        raise ConfigError(
            f"{task.name} has written answers, and no options to train on; leave it out",
            field="hyperparameters.train_as_classification",
        )
    return values.train_as_classification
