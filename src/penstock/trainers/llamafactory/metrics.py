"""What LLaMA-Factory reports while it trains: its log file and its output."""

from __future__ import annotations

import json
import math
import re
import threading
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from penstock.errors import PenstockError
from penstock.files import plural
from penstock.runs import FailureKind, RunDirectory
from penstock.runs.process import RunFailedError
from penstock.trainers.llamafactory.rows import SplitRows

LOG_NAME = "trainer_log.jsonl"
_POLL_SECONDS = 0.5
#: LLaMA-Factory's names of metrics, and penstock's.
_NAMES = {
    "loss": "loss",
    "lr": "learning_rate",
    "epoch": "epoch",
    "throughput": "tokens_per_second",
}
_GIBIBYTE = 1 << 30

#: Warnings about a row that is left out; the text of the row follows.
_DROPPED = ("Invalid role tag in", "Invalid message count in", "Dropped invalid example:")
#: Errors that end the training; the text of the row follows.
_FATAL = (
    "Invalid JSON format in function message:",
    "Invalid JSON format in tool description:",
    "Expected a string, got",
)
_BEFORE_TEXT = re.compile(f"({'|'.join(map(re.escape, (*_DROPPED, *_FATAL)))}).*")
_TOO_LONG = re.compile(r"Dropped lengthy example with length (\d+)")
_RUNNING = re.compile(r"\*{5} Running (\w+) \*{5}")
_EXAMPLES = re.compile(r"Num examples = ([\d,]+)")
#: The line before the first row is printed, and the beginning of the next line of the log.
_EXAMPLE = re.compile(r"(training|eval) example:$")
_LOG_LINE = re.compile(r"\[(INFO|WARNING|ERROR|CRITICAL)\|\d{4}-\d\d-\d\d ")
_LEFT_OUT = "(text left out)\n"
#: The most row lengths that an error names.
_MAX_LISTED = 5


class TrainerLog:
    """Copies `trainer_log.jsonl` into a run's metrics, in a thread, while the block runs.

    `stop` is set at a loss that is not finite, and at a line that cannot be read.
    """

    def __init__(self, log: Path, directory: RunDirectory, stop: threading.Event) -> None:
        self._log = log
        self._directory = directory
        self._stop = stop
        self._offset = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow)
        self._error: Exception | None = None
        self.losses: list[float] = []
        #: Evaluation losses by step.
        self.dev_losses: dict[int, float] = {}
        self.steps = 0
        self.tokens = 0
        self.peak_memory = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._thread.join()

    def raise_error(self) -> None:
        """Raise the error that ended the thread: a loss that is not finite, a bad line, I/O."""
        if self._error is not None:
            raise self._error

    def _follow(self) -> None:
        while not self._ended.wait(_POLL_SECONDS) and self._error is None:
            self._read_new()
        if self._error is None:
            self._read_new()

    def _read_new(self) -> None:
        try:
            for line in self._new_lines():
                self._add(json.loads(line))
        except (ValueError, KeyError, TypeError) as error:
            self._error = PenstockError(f"{self._log}: not a line of the trainer's log ({error})")
        except Exception as error:
            # A thread's exception would be lost, and the run would be done without its metrics.
            self._error = error
        if self._error is not None:
            self._stop.set()

    def _new_lines(self) -> list[bytes]:
        """Return the lines that were completed since the last call."""
        try:
            with self._log.open("rb") as stream:
                stream.seek(self._offset)
                text = stream.read()
        except FileNotFoundError:
            return []
        end = text.rfind(b"\n") + 1
        self._offset += end
        return text[:end].splitlines()

    def _add(self, line: dict[str, Any]) -> None:
        step = int(line["current_steps"])
        self.steps = max(self.steps, step)
        self.tokens = int(line.get("total_tokens", self.tokens))
        self.peak_memory = max(self.peak_memory, round(line.get("vram_allocated", 0.0) * _GIBIBYTE))
        if "loss" in line:
            _require_finite("loss", line["loss"], step)
            self.losses.append(line["loss"])
            values = {ours: line[theirs] for theirs, ours in _NAMES.items() if theirs in line}
            self._directory.append_metrics({"step": step, **values})
        if "eval_loss" in line and step not in self.dev_losses:
            _require_finite("evaluation loss", line["eval_loss"], step)
            self.dev_losses[step] = line["eval_loss"]
            dev = {"dev_score": line["eval_loss"], "dev_loss": line["eval_loss"]}
            self._directory.append_metrics({"step": step, **dev})


def _require_finite(name: str, value: float, step: int) -> None:
    if not math.isfinite(value):
        message = f"{name} is {value} at step {step}; lower the learning rate, or use bfloat16"
        raise RunFailedError(message, FailureKind.NOT_FINITE)


class OutputParser:
    """Parses the lines that LLaMA-Factory prints: rows that it reads and drops, and errors.

    `expected` are the rows of `training` and `evaluation`. `stop` is set as soon as LLaMA-Factory
    starts on another number of rows, so that no hour is spent on them. Packed rows cannot be
    counted from outside; for them only the warnings show dropped rows.
    """

    def __init__(
        self, expected: Mapping[str, SplitRows], *, packed: bool = False, stop: threading.Event
    ) -> None:
        self._expected = expected
        self._packed = packed
        self._stop = stop
        #: The number of rows that is printed for `training` and `evaluation`.
        self.example_counts: dict[str, int] = {}
        self.warnings: Counter[str] = Counter()
        #: The last line of stderr that is not empty, without text of rows.
        self.last_error = ""
        self._too_long: list[int] = []
        self._running: dict[str, str] = {}
        self._in_example = False

    def parse(self, stream: str, line: str) -> str:
        """Parse a line of `out` or `err`; return it for the log, without text of rows."""
        if found := _RUNNING.search(line):
            self._running[stream] = found[1].lower()
        elif found := _EXAMPLES.search(line):
            count = int(found[1].replace(",", ""))
            self.example_counts[self._running.get(stream, "unknown")] = count
            if self.problem(so_far=True):
                self._stop.set()
        elif found := _TOO_LONG.search(line):
            self._too_long.append(int(found[1]))
        elif found := _BEFORE_TEXT.search(line):
            if found[1] in _DROPPED:
                self.warnings[found[1].rstrip(":")] += 1
            line = f"{line[: found.end(1)]} {_LEFT_OUT}"
        if stream == "out":
            return self._without_example(line)
        self.last_error = line.strip() or self.last_error
        return line

    def _without_example(self, line: str) -> str:
        """Return a line, or nothing for a line of the example row that LLaMA-Factory prints."""
        if _EXAMPLE.match(line.strip()):
            self._in_example = True
            return f"{line.strip()} {_LEFT_OUT}"
        if self._in_example and not _LOG_LINE.match(line):
            return ""
        self._in_example = False
        return line

    def problem(self, *, so_far: bool = False) -> PenstockError | None:
        """Return what is wrong with the rows; with `so_far` counts may still be missing."""
        if self.warnings or self._too_long:
            names = ", ".join(name for split in self._expected.values() for name in split.names)
            return PenstockError(f"LLaMA-Factory dropped rows of {names}: {self._dropped()}")
        for kind, split in self._expected.items():
            names, read = ", ".join(split.names), self.example_counts.get(kind)
            if read is None and not so_far:
                return PenstockError(
                    f"LLaMA-Factory did not print how many rows of {names} it read; its log is "
                    "in the run's directory"
                )
            if read not in (None, split.rows) and not self._packed:
                return PenstockError(
                    f"LLaMA-Factory reads {plural(read or 0, 'row')} of {names}, which has "
                    f"{split.rows:,}; its output does not say why"
                )
        return None

    def _dropped(self) -> str:
        reasons = [f"{text} ({plural(count, 'time')})" for text, count in self.warnings.items()]
        if self._too_long:
            lengths = ", ".join(map(str, sorted(self._too_long, reverse=True)[:_MAX_LISTED]))
            reasons.append(
                f"{plural(len(self._too_long), 'row')} too long to be packed, of {lengths} tokens; "
                "raise max_length"
            )
        return "; ".join(reasons)
