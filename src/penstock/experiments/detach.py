"""Execute a grid in a background process."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from penstock.errors import PenstockError
from penstock.experiments.plan import GridPlan
from penstock.experiments.run import explain_write_errors

#: How long to wait for the first run to start, and the interval between two checks.
_START_SECONDS = 30.0
_POLL_SECONDS = 0.2


@dataclass(frozen=True)
class DetachedGrid:
    """A grid in the background: the id of its process and the file with its output."""

    pid: int
    log: Path


def train_detached(path: Path, overrides: Sequence[str], plan: GridPlan) -> DetachedGrid:
    """Start `penstock train` in the background; return when its first run has started.

    `plan` is the plan of `path` and `overrides`. Raises PenstockError with the output of the
    process if it fails before that.
    """
    directory = plan.root / plan.experiment.experiment.purpose
    log = directory / f"train_{datetime.now():%Y%m%d_%H%M%S}.log"
    command = [sys.executable, "-m", "penstock", "train", str(path), *overrides]
    with explain_write_errors(directory):
        directory.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as out:
            process = subprocess.Popen(
                [*command, "wait_for_completion=true"],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
    before = len(plan.to_do)
    deadline = time.monotonic() + _START_SECONDS
    while len(plan.to_do) == before and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
        status = process.poll()
        plan.refresh()
        if status:
            raise PenstockError(
                f"the background process failed; log {log}:\n{log.read_text().strip()}"
            )
        if status == 0:
            break
    return DetachedGrid(process.pid, log)
