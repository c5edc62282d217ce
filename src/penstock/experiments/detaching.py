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
from penstock.experiments.carrying import naming_the_place
from penstock.experiments.planning import Plan

#: How long to wait for the first run to stand in the results, and between two looks at them.
_START_SECONDS = 30.0
_LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class Detached:
    """A grid that goes on by itself: the process to stop it by, and what it prints."""

    pid: int
    log: Path


def train_detached(path: Path, overrides: Sequence[str], plan: Plan) -> Detached:
    """Start `penstock train` in the background; return when its first run is under way.

    `plan` is what `path` and `overrides` come to. Raises PenstockError with what the process
    printed when it failed before that.
    """
    directory = plan.root / plan.experiment.experiment.purpose
    log = directory / f"train_{datetime.now():%Y%m%d_%H%M%S}.log"
    command = [sys.executable, "-m", "penstock", "train", str(path), *overrides]
    with naming_the_place(directory):
        directory.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as out:
            process = subprocess.Popen(
                [*command, "wait_for_completion=true"],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
    _await_start(process, plan, log)
    return Detached(process.pid, log)


def _await_start(process: subprocess.Popen[bytes], plan: Plan, log: Path) -> None:
    before = len(plan.to_do)
    deadline = time.monotonic() + _START_SECONDS
    while len(plan.to_do) == before and time.monotonic() < deadline:
        time.sleep(_LOOK_SECONDS)
        ended = process.poll()
        plan.look_again()
        if ended:
            raise PenstockError(f"ended at once, see {log}:\n{log.read_text().strip()}")
        if ended == 0:
            return
