"""The training loop: steps, metrics, evaluations on dev rows, the best weights at the end."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

import orjson
import torch
from torch import Tensor

from penstock.files import write_atomic
from penstock.runs import FailureKind, RunConfig, RunDirectory, RunResult, score_for_ranking
from penstock.runs.process import RunFailedError, peak_resident_bytes
from penstock.tasks import TASKS, task_kind
from penstock.training.benchmark import BenchmarkData
from penstock.training.chat.data import ChatData
from penstock.training.data import Evaluation, TrainingData, batch_indices
from penstock.training.methods import METHODS, Method
from penstock.training.model import MODEL_NAME, load_model, save_model
from penstock.training.objective import Objective

PREDICTIONS_NAME = "predictions.jsonl"


class NotFiniteError(RunFailedError):
    """A loss or a gradient is NaN or infinite, so that training cannot continue."""

    def __init__(self, message: str) -> None:
        super().__init__(message, FailureKind.NOT_FINITE)


class TrainingLoop:
    """Executes one run, from its configuration to its result."""

    def __init__(self, config: RunConfig, directory: RunDirectory, device: str) -> None:
        self.directory = directory
        self.metric = TASKS.get(config.task).metric
        method_class = METHODS.get(config.method)
        self.hyperparameters = method_class.Hyperparameters(**config.hyperparameters)
        torch.manual_seed(self.hyperparameters.seed)
        self.data: TrainingData[Any]
        if task_kind(config.task) == "benchmark":
            self.data = BenchmarkData(config, self.hyperparameters, _log)
        else:
            template = directory.chat_template(config)
            self.data = ChatData(config, self.hyperparameters, template, _log)
        dtype = self.hyperparameters.weights_dtype
        model, _ = load_model(config.model, dtype, device, self.data.tokenizer)
        self.method: Method = method_class(self.hyperparameters)
        self.data.attach(self.method.prepare(model, directory.path))
        self.best = _BestWeights(self.metric)

    def train(self) -> RunResult:
        """Run every step and return the result; outputs are in the run's directory."""
        values = self.hyperparameters
        start = time.perf_counter()
        log = _MetricsLog(self.directory, self.data.objective, start)
        self._evaluate_dev(0)
        rows_per_step = values.batch_size * values.gradient_accumulation
        batches = batch_indices(len(self.data.train), rows_per_step, values.seed)
        for step in range(1, values.steps + 1):
            rows = [self.data.train[index] for index in next(batches)]
            rate = values.learning_rate_at(step)
            logged = step % values.logging_steps == 0 or step in (1, values.steps)
            log.add(self.step(rows, rate, step, measure=logged))
            if logged:
                log.write(step, rate)
            if step % values.eval_steps == 0 or step == values.steps:
                self._evaluate_dev(step)
        result = self._finish()
        result.first_loss, result.last_loss = log.first_loss, log.last_loss
        result.tokens = self.data.objective.tokens
        result.seconds = round(time.perf_counter() - start, 3)
        result.peak_memory_bytes = _peak_memory()
        return result

    def step(
        self, rows: Sequence[Any], rate: float, step: int, *, measure: bool
    ) -> dict[str, float]:
        """Make one update on `rows`, in microbatches of batch_size; return its metrics.

        Raises NotFiniteError if a metric is NaN or infinite.
        """
        microbatches = self.data.microbatches(rows, self.hyperparameters.batch_size)
        metrics = self.method.step(microbatches, rate, step, measure=measure)
        for name, value in metrics.items():
            self._check_finite(name, value, step)
        return metrics

    def _evaluate_dev(self, step: int) -> None:
        score, found = self._evaluate("dev", self.data.dev, step)
        self.directory.append_metrics({"step": step, "dev_score": score, "dev_loss": found.loss})
        if self.best.is_improved_by(score, found.loss):
            self.best.update(step, score, found.loss, self.method.trained())

    def _evaluate(self, name: str, rows: Sequence[Any], step: int) -> tuple[float, Evaluation]:
        """Return the score in the task's metric, and the evaluation, of the current weights."""
        found = self.data.evaluate(rows)
        self._check_finite(f"{name} loss", found.loss, step)
        score = found.scores[self.metric]
        message = f"{self.metric} {score:.4f}, loss {found.loss:.4f}"
        if self.metric == "loss":
            message = ", ".join(f"{other} {value:.4f}" for other, value in found.scores.items())
        _log(f"step {step}: {name} {message}")
        return score, found

    def _check_finite(self, name: str, value: float, step: int) -> None:
        if not math.isfinite(value):
            hint = f"lower the learning rate ({self.hyperparameters.learning_rate:g})"
            if step == 0:
                hint = "the model gives this before any training; try a wider dtype"
            raise NotFiniteError(f"{name} is {value} at step {step}; {hint}")

    def _finish(self) -> RunResult:
        """Restore and evaluate the best weights; save what was requested."""
        data = self.data
        self.best.copy_to(self.method.trained())
        score, found = self._evaluate("evaluation", data.evaluation, self.best.step)
        lines = b"".join(orjson.dumps(row) + b"\n" for row in found.rows)
        write_atomic(self.directory.path / PREDICTIONS_NAME, lines)
        result = RunResult(
            metric=self.metric,
            score=score,
            scores=found.scores,
            chance=data.chance_score(),
            dev_score=self.best.score,
            best_step=self.best.step,
            steps=self.hyperparameters.steps,
            train_rows=len(data.train),
            dev_rows=len(data.dev),
            evaluation_rows=len(data.evaluation),
            evaluation_tokens=data.evaluation_tokens,
            evaluation_split=data.evaluation_split,
            dropped_rows=data.dropped,
            truncated_rows=data.truncated,
        )
        self.method.save(self.directory.path)
        if self.hyperparameters.save_model:
            save_model(self.method.merged(), data.tokenizer, self.directory.path / MODEL_NAME)
        return result


class _BestWeights:
    """The weights with the best dev score so far, on the CPU; the lower loss breaks a tie."""

    def __init__(self, metric: str) -> None:
        self.metric = metric
        self.step, self.score, self.loss = 0, math.nan, math.inf
        self._weights: dict[str, Tensor] = {}

    def is_improved_by(self, score: float, loss: float) -> bool:
        if not self._weights:
            return True
        best = score_for_ranking(self.metric, self.score)
        return (score_for_ranking(self.metric, score), -loss) > (best, -self.loss)

    def update(self, step: int, score: float, loss: float, weights: dict[str, Tensor]) -> None:
        self.step, self.score, self.loss = step, score, loss
        for name, tensor in weights.items():
            if name in self._weights:
                self._weights[name].copy_(tensor)
            else:
                self._weights[name] = tensor.detach().to("cpu", copy=True)

    def copy_to(self, weights: dict[str, Tensor]) -> None:
        for name, tensor in weights.items():
            tensor.copy_(self._weights[name])


class _MetricsLog:
    """Collects the metrics of steps into lines of `metrics.jsonl`."""

    def __init__(self, directory: RunDirectory, objective: Objective[Any], start: float) -> None:
        self._directory = directory
        self._objective = objective
        self._start = self._last_time = start
        self._last_tokens = 0
        self._losses: list[float] = []
        self._latest: dict[str, float] = {}
        self.first_loss: float | None = None
        self.last_loss: float | None = None

    def add(self, metrics: dict[str, float]) -> None:
        self._latest = dict(metrics)
        self._losses.append(self._latest.pop("loss"))

    def write(self, step: int, rate: float) -> None:
        """Write the mean loss since the previous line, and the other metrics of this step."""
        now, tokens = time.perf_counter(), self._objective.tokens
        loss = sum(self._losses) / len(self._losses)
        self.first_loss = loss if self.first_loss is None else self.first_loss
        self.last_loss = loss
        line: dict[str, Any] = {
            "step": step,
            "loss": loss,
            "learning_rate": rate,
            **self._latest,
            "tokens_per_second": round((tokens - self._last_tokens) / (now - self._last_time)),
            "peak_memory_bytes": _peak_memory(),
            "seconds": round(now - self._start, 3),
        }
        self._directory.append_metrics(line)
        self._losses, self._last_time, self._last_tokens = [], now, tokens


def _peak_memory() -> int:
    """Return the peak memory of this process in bytes: allocated on the GPU if used, or RSS."""
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        return int(torch.cuda.max_memory_allocated())
    return peak_resident_bytes()


def _log(text: str) -> None:
    print(text, flush=True)
