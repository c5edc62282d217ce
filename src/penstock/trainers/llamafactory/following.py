"""Carry what LLaMA-Factory logs (`trainer_log.jsonl`) over into a run's metrics."""

from __future__ import annotations

import json
import math
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from penstock.errors import PenstockError
from penstock.runs import FailureKind, RunDirectory
from penstock.runs.carrying import RunFailedError

LOG_NAME = "trainer_log.jsonl"
_LOOK_SECONDS = 0.5
#: LLaMA-Factory's names, and ours.
_NAMES = {
    "loss": "loss",
    "lr": "learning_rate",
    "epoch": "epoch",
    "throughput": "tokens_per_second",
}
_GIBIBYTE = 1 << 30


class TrainerLog:
    """Follows the log while the block runs; `stop` is set when a loss is no number."""

    def __init__(self, log: Path, directory: RunDirectory, stop: threading.Event) -> None:
        self._log = log
        self._directory = directory
        self._stop = stop
        self._read = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow)
        self._error: Exception | None = None
        self.losses: list[float] = []
        #: Evaluation losses by their step.
        self.dev_losses: dict[int, float] = {}
        self.steps = 0
        self.tokens = 0
        self.peak_memory = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()

    def require_sound(self) -> None:
        """Raise what ended the following: a loss that is no number, a broken line, a full disk."""
        if self._error is not None:
            raise self._error

    def _follow(self) -> None:
        while not self._ended.wait(_LOOK_SECONDS) and self._error is None:
            self._look()
        if self._error is None:
            self._look()

    def _look(self) -> None:
        """Take the lines that are whole by now; the first error is kept, and ends the trainer."""
        try:
            for line in self._new_lines():
                self._take(json.loads(line))
        except (ValueError, KeyError, TypeError) as error:
            self._error = PenstockError(f"{self._log}: a line is not the trainer's ({error})")
        except Exception as error:
            # In a thread nobody would hear of it, and the run would be done without its metrics.
            self._error = error
        if self._error is not None:
            self._stop.set()

    def _new_lines(self) -> list[bytes]:
        try:
            with self._log.open("rb") as stream:
                stream.seek(self._read)
                text = stream.read()
        except FileNotFoundError:
            return []
        end = text.rfind(b"\n") + 1
        self._read += end
        return text[:end].splitlines()

    def _take(self, line: dict[str, Any]) -> None:
        step = int(line["current_steps"])
        self.steps = max(self.steps, step)
        self.tokens = int(line.get("total_tokens", self.tokens))
        self.peak_memory = max(self.peak_memory, round(line.get("vram_allocated", 0.0) * _GIBIBYTE))
        if "loss" in line:
            self._require_finite("loss", line["loss"], step)
            self.losses.append(line["loss"])
            values = {ours: line[theirs] for theirs, ours in _NAMES.items() if theirs in line}
            self._directory.append_metrics({"step": step, **values})
        if "eval_loss" in line and step not in self.dev_losses:
            self._require_finite("evaluation loss", line["eval_loss"], step)
            self.dev_losses[step] = line["eval_loss"]
            dev = {"dev_score": line["eval_loss"], "dev_loss": line["eval_loss"]}
            self._directory.append_metrics({"step": step, **dev})

    def _require_finite(self, name: str, value: float, step: int) -> None:
        if not math.isfinite(value):
            message = f"{name} is {value} at step {step}; lower the learning rate, or take bfloat16"
            raise RunFailedError(message, FailureKind.NOT_FINITE)
