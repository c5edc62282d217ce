"""The training loop: steps, metrics, looks at the dev rows, the best weights at the end."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import orjson
import torch
from torch import Tensor

from penstock.errors import ConfigError
from penstock.files import write_atomic
from penstock.runs import RunConfig, RunDirectory, RunResult
from penstock.tasks import TASKS, GenerationTask, Task
from penstock.training.data import batches, load_rows
from penstock.training.encoding import EncodedRow, Encoder
from penstock.training.errors import NotFiniteError
from penstock.training.evaluation import Evaluation, Evaluator, chance
from penstock.training.hyperparameters import Hyperparameters
from penstock.training.methods import METHODS, Method
from penstock.training.metrics import MetricsLog, peak_memory
from penstock.training.model import MODEL_NAME, load_model, position_limit, save_model
from penstock.training.objective import Objective
from penstock.training.schedule import learning_rate

PREDICTIONS_NAME = "predictions.jsonl"


class Trainer:
    """Carries one run from its configuration to its result."""

    def __init__(self, config: RunConfig, directory: RunDirectory, device: str) -> None:
        self.directory = directory
        self.task = TASKS.get(config.task)
        method_class = METHODS.get(config.method)
        self.values = method_class.Hyperparameters(**config.hyperparameters)
        classification = _by_classification(self.task, self.values)
        torch.manual_seed(self.values.seed)
        rows = load_rows(config.data, config.task, self.values, _say)
        model, self.tokenizer = load_model(config.model, self.values.weights_dtype, device)
        limit = position_limit(model)
        encoder = Encoder(self.task, self.tokenizer, self.values.max_length, limit)
        self.train_rows = encoder.encode(rows.train)
        self.dev_rows = encoder.encode(rows.dev)
        self.evaluation_rows = encoder.encode(rows.evaluation)
        if encoder.cut:
            _say(f"{encoder.cut} rows have over {self.values.max_length} tokens: cut on the left")
        self.method: Method = method_class(self.values)
        model = self.method.prepare(model, directory.path)
        self.objective = Objective(
            model, classification=classification, compute_dtype=self.values.compute_dtype
        )
        self.evaluator = Evaluator(self.task, self.tokenizer, encoder, self.objective)
        self.best = _Best()

    def train(self) -> RunResult:
        """Make every step and return the result; the directory holds all that was made."""
        values = self.values
        start = time.perf_counter()
        log = MetricsLog(self.directory, self.objective, start)
        self._look_at_dev(0)
        rows_a_step = values.batch_size * values.gradient_accumulation
        order = batches(len(self.train_rows), rows_a_step, values.seed)
        for step in range(1, values.steps + 1):
            rows = [self.train_rows[index] for index in next(order)]
            rate = learning_rate(values, step)
            logged = step % values.logging_steps == 0 or step in (1, values.steps)
            metrics = self.step(rows, rate, step, measure=logged)
            log.add(metrics)
            if logged:
                log.write(step, rate)
            if step % values.eval_steps == 0 or step == values.steps:
                self._look_at_dev(step)
        result = self._finish()
        result.first_loss, result.last_loss = log.first_loss, log.last_loss
        result.tokens = self.objective.tokens
        result.seconds = round(time.perf_counter() - start, 3)
        result.peak_memory_bytes = peak_memory()
        return result

    def step(
        self, rows: Sequence[EncodedRow], rate: float, step: int, *, measure: bool
    ) -> dict[str, float]:
        """Make one update on `rows`, in batches of batch_size; return its metrics.

        Raises NotFiniteError when one of them is not a number.
        """
        weight = self.objective.weight(rows)
        size = self.values.batch_size
        groups = [rows[i : i + size] for i in range(0, len(rows), size)]
        parts = [lambda group=group: self.objective.loss(group, weight) for group in groups]
        metrics = self.method.step(parts, rate, step, measure=measure)
        for name, value in metrics.items():
            self._require_finite(name, value, step)
        return metrics

    def _look_at_dev(self, step: int) -> None:
        score, evaluation = self._evaluate("dev", self.dev_rows, step)
        self.directory.append_metrics(
            {"step": step, "dev_score": score, "dev_loss": evaluation.loss}
        )
        if self.best.improves(score, evaluation.loss):
            self.best.keep(step, score, evaluation.loss, self.method.trained())

    def _evaluate(
        self, name: str, rows: Sequence[EncodedRow], step: int
    ) -> tuple[float, Evaluation]:
        """Return the score of the task's metric, and all else, with the weights as they are."""
        evaluation = self.evaluator.evaluate(rows)
        self._require_finite(f"{name} loss", evaluation.loss, step)
        score = evaluation.scores[self.task.metric]
        _say(f"step {step}: {name} {self.task.metric} {score:.4f}, loss {evaluation.loss:.4f}")
        return score, evaluation

    def _require_finite(self, name: str, value: float, step: int) -> None:
        if not math.isfinite(value):
            mend = f"lower the learning rate ({self.values.learning_rate:g})"
            if step == 0:
                mend = "the model gives this before any training; try a wider dtype"
            raise NotFiniteError(f"{name} is {value} at step {step}; {mend}")

    def _finish(self) -> RunResult:
        """Put the best weights back, evaluate them, and save what was asked for."""
        self.best.restore(self.method.trained())
        score, evaluation = self._evaluate("evaluation", self.evaluation_rows, self.best.step)
        self._write_predictions(evaluation)
        result = RunResult(
            metric=self.task.metric,
            score=score,
            scores=evaluation.scores,
            chance=chance(self.task, self.evaluation_rows),
            dev_score=self.best.score,
            best_step=self.best.step,
            steps=self.values.steps,
            train_rows=len(self.train_rows),
            dev_rows=len(self.dev_rows),
            evaluation_rows=len(self.evaluation_rows),
        )
        self.method.save(self.directory.path)
        if self.values.save_model:
            save_model(self.method.merged(), self.tokenizer, self.directory.path / MODEL_NAME)
        return result

    def _write_predictions(self, evaluation: Evaluation) -> None:
        """Write what was answered to each evaluation row, so that a score can be traced to rows."""
        lines = [
            orjson.dumps({"row": row.row, "prediction": prediction, "scores": scores})
            for row, prediction, scores in zip(
                self.evaluation_rows, evaluation.predictions, evaluation.row_scores, strict=True
            )
        ]
        write_atomic(self.directory.path / PREDICTIONS_NAME, b"\n".join(lines) + b"\n")


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


@dataclass
class _Best:
    """The weights with the best dev score so far, on the CPU; the loss breaks a tie."""

    step: int = 0
    score: float = -math.inf
    loss: float = math.inf
    weights: dict[str, Tensor] = field(default_factory=dict)

    def improves(self, score: float, loss: float) -> bool:
        return (score, -loss) > (self.score, -self.loss)

    def keep(self, step: int, score: float, loss: float, weights: dict[str, Tensor]) -> None:
        self.step, self.score, self.loss = step, score, loss
        for name, tensor in weights.items():
            if name in self.weights:
                self.weights[name].copy_(tensor)
            else:
                self.weights[name] = tensor.detach().to("cpu", copy=True)

    def restore(self, weights: dict[str, Tensor]) -> None:
        for name, tensor in weights.items():
            tensor.copy_(self.weights[name])


def _say(text: str) -> None:
    print(text, flush=True)
