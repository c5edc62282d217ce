"""Carry a grid in the background, by a process of its own."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from penstock.errors import PenstockError
from penstock.experiments.planning import Plan, load_experiment
from penstock.runs import State

#: How long to wait for the first run to stand in the results.
_START_SECONDS = 30.0


@dataclass(frozen=True)
class Detached:
    """A grid that goes on by itself: the process to stop it by, and what it prints."""

    pid: int
    log: Path


def train_detached(path: Path, overrides: Sequence[str], plan: Plan) -> Detached:
    """Start `penstock train` in the background; return when its first run is under way.

    Raises PenstockError with what it printed when it ended before that.
    """
    directory = plan.root / plan.experiment.experiment.purpose
    directory.mkdir(parents=True, exist_ok=True)
    log = directory / f"train_{datetime.now():%Y%m%d_%H%M%S}.log"
    command = [sys.executable, "-m", "penstock", "train", str(path), *overrides]
    with log.open("ab") as out:
        process = subprocess.Popen(
            [*command, "wait_for_completion=true", "--format", "jsonl"],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        runs = load_experiment(path, overrides).runs
        if any(run.state == State.RUNNING for run in runs) or not any(r.to_do for r in runs):
            break
        if process.poll() is not None:
            if process.returncode:
                raise PenstockError(f"ended at once, see {log}:\n{log.read_text().strip()}")
            break
        time.sleep(0.2)
    return Detached(process.pid, log)
