"""The training loop: steps, metrics, looks at the dev rows, the best weights at the end."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import torch
from torch import Tensor

from penstock.files import write_atomic
from penstock.runs import RunConfig, RunDirectory, RunResult, merit
from penstock.tasks import TASKS, task_kind
from penstock.training.benchmark import Benchmark
from penstock.training.chat.subject import Chat
from penstock.training.data import batches
from penstock.training.errors import NotFiniteError
from penstock.training.hyperparameters import Hyperparameters
from penstock.training.methods import METHODS, Method
from penstock.training.metrics import MetricsLog, peak_memory
from penstock.training.model import MODEL_NAME, load_model, save_model
from penstock.training.schedule import learning_rate
from penstock.training.subject import Score, Subject

PREDICTIONS_NAME = "predictions.jsonl"


class Trainer:
    """Carries one run from its configuration to its result."""

    def __init__(self, config: RunConfig, directory: RunDirectory, device: str) -> None:
        self.directory = directory
        self.metric = TASKS.get(config.task).metric
        method_class = METHODS.get(config.method)
        self.values = method_class.Hyperparameters(**config.hyperparameters)
        torch.manual_seed(self.values.seed)
        self.subject = _subject(config, self.values, directory)
        self.tokenizer = self.subject.tokenizer
        model, _ = load_model(config.model, self.values.weights_dtype, device, self.tokenizer)
        self.method: Method = method_class(self.values)
        self.subject.attach(self.method.prepare(model, directory.path))
        self.objective = self.subject.objective
        self.best = _Best(self.metric)

    def train(self) -> RunResult:
        """Make every step and return the result; the directory holds all that was made."""
        values = self.values
        start = time.perf_counter()
        log = MetricsLog(self.directory, self.objective, start)
        self._look_at_dev(0)
        rows_a_step = values.batch_size * values.gradient_accumulation
        train = self.subject.train
        order = batches(len(train), rows_a_step, values.seed)
        for step in range(1, values.steps + 1):
            rows = [train[index] for index in next(order)]
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
        self, rows: Sequence[Any], rate: float, step: int, *, measure: bool
    ) -> dict[str, float]:
        """Make one update on `rows`, in batches of batch_size; return its metrics.

        Raises NotFiniteError when one of them is not a number.
        """
        parts = self.subject.parts(rows, self.values.batch_size)
        metrics = self.method.step(parts, rate, step, measure=measure)
        for name, value in metrics.items():
            self._require_finite(name, value, step)
        return metrics

    def _look_at_dev(self, step: int) -> None:
        score, found = self._evaluate("dev", self.subject.dev, step)
        self.directory.append_metrics({"step": step, "dev_score": score, "dev_loss": found.loss})
        if self.best.improves(score, found.loss):
            self.best.keep(step, score, found.loss, self.method.trained())

    def _evaluate(self, name: str, rows: Sequence[Any], step: int) -> tuple[float, Score]:
        """Return the score of the task's metric, and all else, with the weights as they are."""
        found = self.subject.score(rows)
        self._require_finite(f"{name} loss", found.loss, step)
        score = found.scores[self.metric]
        said = f"{self.metric} {score:.4f}, loss {found.loss:.4f}"
        if self.metric == "loss":
            said = ", ".join(f"{other} {value:.4f}" for other, value in found.scores.items())
        _say(f"step {step}: {name} {said}")
        return score, found

    def _require_finite(self, name: str, value: float, step: int) -> None:
        if not math.isfinite(value):
            mend = f"lower the learning rate ({self.values.learning_rate:g})"
            if step == 0:
                mend = "the model gives this before any training; try a wider dtype"
            raise NotFiniteError(f"{name} is {value} at step {step}; {mend}")

    def _finish(self) -> RunResult:
        """Put the best weights back, evaluate them, and save what was asked for."""
        self.best.restore(self.method.trained())
        score, found = self._evaluate("evaluation", self.subject.evaluation, self.best.step)
        lines = b"".join(orjson.dumps(line) + b"\n" for line in found.lines)
        write_atomic(self.directory.path / PREDICTIONS_NAME, lines)
        result = RunResult(
            metric=self.metric,
            score=score,
            scores=found.scores,
            chance=self.subject.chance(),
            dev_score=self.best.score,
            best_step=self.best.step,
            steps=self.values.steps,
            train_rows=len(self.subject.train),
            dev_rows=len(self.subject.dev),
            evaluation_rows=len(self.subject.evaluation),
            evaluation_tokens=self.subject.evaluation_tokens,
            evaluation_split=self.subject.evaluation_split,
            dropped_rows=self.subject.dropped,
            truncated_rows=self.subject.truncated,
        )
        self.method.save(self.directory.path)
        if self.values.save_model:
            save_model(self.method.merged(), self.tokenizer, self.directory.path / MODEL_NAME)
        return result


def _subject(config: RunConfig, values: Hyperparameters, directory: RunDirectory) -> Subject[Any]:
    """Return what the run learns, by its task."""
    if task_kind(config.task) == "benchmark":
        return Benchmark(config, values, _say)
    return Chat(config, values, directory.chat_template(config), _say)


@dataclass
class _Best:
    """The weights with the best dev score so far, on the CPU; the loss breaks a tie."""

    metric: str
    step: int = 0
    score: float = math.nan
    loss: float = math.inf
    weights: dict[str, Tensor] = field(default_factory=dict)

    def improves(self, score: float, loss: float) -> bool:
        if not self.weights:
            return True
        best = merit(self.metric, self.score)
        return (merit(self.metric, score), -loss) > (best, -self.loss)

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
