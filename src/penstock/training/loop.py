"""The training loop: steps, metrics, looks at the dev rows, the best weights at the end."""

from __future__ import annotations

import math
import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
import torch
from torch import Tensor

from penstock.errors import PenstockError
from penstock.files import write_atomic
from penstock.runs import RunConfig, RunDirectory, RunResult
from penstock.tasks import TASKS
from penstock.training.data import batches, load_rows
from penstock.training.encoding import EncodedRow, Encoder
from penstock.training.evaluation import Evaluation, Evaluator, chance
from penstock.training.methods import METHODS, Method
from penstock.training.model import MODEL_NAME, load_model, save_model
from penstock.training.objective import Objective
from penstock.training.schedule import learning_rate

PREDICTIONS_NAME = "predictions.jsonl"


class NotFiniteError(PenstockError):
    """The loss or the gradient is NaN or infinite: going on would train on nothing."""


class Trainer:
    """Carries one run from its configuration to its result."""

    def __init__(self, config: RunConfig, directory: RunDirectory, device: str) -> None:
        self.directory = directory
        self.task = TASKS.get(config.task)
        method_class = METHODS.get(config.method)
        self.values = method_class.Hyperparameters(**config.hyperparameters)
        torch.manual_seed(self.values.seed)
        rows = load_rows(config.data, config.task, self.values, _say)
        model, self.tokenizer = load_model(config.model, self.values.weights_dtype, device)
        encoder = Encoder(self.task, self.tokenizer, self.values.max_length)
        self.train_rows = encoder.encode(rows.train)
        self.dev_rows = encoder.encode(rows.dev)
        self.evaluation_rows = encoder.encode(rows.evaluation)
        if encoder.cut:
            _say(f"{encoder.cut} rows have over {self.values.max_length} tokens: cut on the left")
        self.method: Method = method_class(self.values)
        model = self.method.prepare(model, directory.path)
        by_convention = self.values.train_as_classification
        self.objective = Objective(
            model,
            classification=self.task.classification if by_convention is None else by_convention,
            compute_dtype=self.values.compute_dtype,
        )
        self.evaluator = Evaluator(self.task, self.tokenizer, encoder, self.objective)
        self.best = _Best()

    def train(self) -> RunResult:
        """Make every step and return the result; the directory holds all that was made."""
        values = self.values
        start = time.perf_counter()
        log = _Log(self.directory, self.objective, start)
        self._look_at_dev(0)
        rows_a_step = values.batch_size * values.gradient_accumulation
        order = batches(len(self.train_rows), rows_a_step, values.seed)
        for step in range(1, values.steps + 1):
            rows = [self.train_rows[index] for index in next(order)]
            rate = learning_rate(values, step)
            logged = step % values.logging_steps == 0 or step in (1, values.steps)
            metrics = self._step(rows, rate, step, measure=logged)
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

    def _step(
        self, rows: Sequence[EncodedRow], rate: float, step: int, *, measure: bool
    ) -> dict[str, float]:
        weight = self.objective.weight(rows)
        size = self.values.batch_size
        groups = [rows[i : i + size] for i in range(0, len(rows), size)]
        parts = [lambda group=group: self.objective.loss(group, weight) for group in groups]
        metrics = self.method.step(parts, rate, step, measure=measure)
        for name, value in metrics.items():
            if not math.isfinite(value):
                raise NotFiniteError(
                    f"{name} is {value} at step {step}; lower the learning rate ({rate:g})"
                )
        return metrics

    def _look_at_dev(self, step: int) -> None:
        evaluation = self.evaluator.evaluate(self.dev_rows)
        score = evaluation.scores[self.task.metric]
        self.directory.append_metrics(
            {"step": step, "dev_score": score, "dev_loss": evaluation.loss}
        )
        _say(f"step {step}: dev {self.task.metric} {score:.4f}, loss {evaluation.loss:.4f}")
        if self.best.improves(score, evaluation.loss):
            self.best.keep(step, score, evaluation.loss, self.method.trained())

    def _finish(self) -> RunResult:
        """Put the best weights back, evaluate them, and save what was asked for."""
        self.best.restore(self.method.trained())
        evaluation = self.evaluator.evaluate(self.evaluation_rows)
        score = evaluation.scores[self.task.metric]
        _say(f"best step {self.best.step}: evaluation {self.task.metric} {score:.4f}")
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


class _Log:
    """Gathers the metrics of steps into lines of `metrics.jsonl`."""

    def __init__(self, directory: RunDirectory, objective: Objective, start: float) -> None:
        self.directory = directory
        self.objective = objective
        self.start = self.last_time = start
        self.last_tokens = 0
        self.losses: list[float] = []
        self.latest: dict[str, float] = {}
        self.first_loss: float | None = None
        self.last_loss: float | None = None

    def add(self, metrics: dict[str, float]) -> None:
        self.latest = dict(metrics)
        self.losses.append(self.latest.pop("loss"))

    def write(self, step: int, rate: float) -> None:
        """Add a line: the mean loss since the line before, the rest as of this step."""
        now, tokens = time.perf_counter(), self.objective.tokens
        loss = sum(self.losses) / len(self.losses)
        self.first_loss = loss if self.first_loss is None else self.first_loss
        self.last_loss = loss
        line: dict[str, Any] = {
            "step": step,
            "loss": loss,
            "learning_rate": rate,
            **self.latest,
            "tokens_per_second": round(
                (tokens - self.last_tokens) / max(now - self.last_time, 1e-9)
            ),
            "peak_memory_bytes": peak_memory(),
            "seconds": round(now - self.start, 3),
        }
        self.directory.append_metrics(line)
        self.losses, self.last_time, self.last_tokens = [], now, tokens


def peak_memory() -> int:
    """Return the most bytes this process has held: on the GPU where it uses one, else resident."""
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        return int(torch.cuda.max_memory_allocated())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _say(text: str) -> None:
    print(text, flush=True)
