"""The log of LLaMA-Factory: unreadable lines are an error of the run."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from penstock.errors import PenstockError
from penstock.runs import RunDirectory
from penstock.trainers.llamafactory.metrics import TrainerLog


@pytest.mark.parametrize(
    "line",
    [
        "[1]",
        "5",
        "{",
        "{}",
        '{"current_steps": null}',
        '{"current_steps": 1, "loss": "1.0"}',
        '{"current_steps": 1, "eval_loss": null}',
        '{"current_steps": 1, "vram_allocated": []}',
    ],
)
def test_an_invalid_line_stops_the_training(tmp_path: Path, line: str) -> None:
    log, stop = tmp_path / "trainer_log.jsonl", threading.Event()
    log.write_text(line + "\n")
    with TrainerLog(log, RunDirectory(tmp_path), stop) as trainer_log:
        pass
    assert stop.is_set()
    with pytest.raises(PenstockError, match=r"trainer_log\.jsonl: not a line of the trainer's log"):
        trainer_log.raise_error()


def test_an_unreadable_log_stops_the_training(tmp_path: Path) -> None:
    log, stop = tmp_path / "trainer_log.jsonl", threading.Event()
    log.mkdir()
    with TrainerLog(log, RunDirectory(tmp_path), stop) as trainer_log:
        pass
    assert stop.is_set()
    with pytest.raises(OSError, match=r"trainer_log\.jsonl"):
        trainer_log.raise_error()
