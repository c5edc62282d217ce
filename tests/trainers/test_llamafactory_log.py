"""The log of LLaMA-Factory: what of it cannot be read is an error of the run."""

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
def test_a_line_that_is_not_the_trainers_ends_it(tmp_path: Path, line: str) -> None:
    log, stop = tmp_path / "trainer_log.jsonl", threading.Event()
    log.write_text(line + "\n")
    with TrainerLog(log, RunDirectory(tmp_path), stop) as followed:
        pass
    assert stop.is_set()
    with pytest.raises(PenstockError, match=r"trainer_log\.jsonl: not a line of the trainer's log"):
        followed.raise_error()


def test_a_log_that_cannot_be_read_ends_it(tmp_path: Path) -> None:
    log, stop = tmp_path / "trainer_log.jsonl", threading.Event()
    log.mkdir()
    with TrainerLog(log, RunDirectory(tmp_path), stop) as followed:
        pass
    assert stop.is_set()
    with pytest.raises(OSError, match=r"trainer_log\.jsonl"):
        followed.raise_error()
