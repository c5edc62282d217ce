"""The process that executes a run of penstock's own trainer.

    python -m penstock.training RUN_DIRECTORY

Reads `run.json`, trains, and writes the result or the failure into it. Exit status: 0 done,
1 failed, 130 interrupted.
"""

from __future__ import annotations

import sys
from pathlib import Path

from penstock.errors import MissingExtraError
from penstock.runs import RunDirectory, RunRecord, RunResult
from penstock.runs.process import execute_run


def _train(record: RunRecord, directory: RunDirectory) -> RunResult:
    try:
        from penstock.training.loop import TrainingLoop
    except ModuleNotFoundError as error:
        raise MissingExtraError(str(error.name), "train", "training") from None
    return TrainingLoop(record.config, directory, record.device).train()


if __name__ == "__main__":
    sys.exit(execute_run(Path(sys.argv[1]), _train))
