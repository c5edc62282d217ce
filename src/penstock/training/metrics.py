"""The lines of `metrics.jsonl` that tell of training steps."""

from __future__ import annotations

import time
from typing import Any

import torch

from penstock.runs import RunDirectory
from penstock.runs.memory import peak_resident
from penstock.training.objective import Forward


class MetricsLog:
    """Gathers the metrics of steps into lines of `metrics.jsonl`."""

    def __init__(self, directory: RunDirectory, objective: Forward, start: float) -> None:
        self._directory = directory
        self._objective = objective
        self._start = self._last_time = start
        self._last_tokens = 0
        self._losses: list[float] = []
        self._latest: dict[str, float] = {}
        self.first_loss: float | None = None
        self.last_loss: float | None = None

    def add(self, metrics: dict[str, float]) -> None:
        """Take the metrics of a step, `loss` among them."""
        self._latest = dict(metrics)
        self._losses.append(self._latest.pop("loss"))

    def write(self, step: int, rate: float) -> None:
        """Add a line: the mean loss since the line before, the rest as of this step."""
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
            "peak_memory_bytes": peak_memory(),
            "seconds": round(now - self._start, 3),
        }
        self._directory.append_metrics(line)
        self._losses, self._last_time, self._last_tokens = [], now, tokens


def peak_memory() -> int:
    """Return the most bytes this process has held: on the GPU where it uses one, else resident."""
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        return int(torch.cuda.max_memory_allocated())
    return peak_resident()
