"""The process that carries one built-in run: `python -m penstock.training RUN_DIRECTORY`.

Reads `run.json`, trains, and writes the result or the failure into it. It ends with status 0 when
the run is done, 1 when it failed, 130 when it was stopped.
"""

from __future__ import annotations

import sys
from pathlib import Path

from penstock.errors import MissingExtraError
from penstock.runs import RunDirectory, RunRecord, RunResult
from penstock.runs.carrying import carry_run


def _train(record: RunRecord, directory: RunDirectory) -> RunResult:
    try:
        from penstock.training.loop import Trainer
    except ModuleNotFoundError as error:
        raise MissingExtraError(str(error.name), "train", "training") from None
    return Trainer(record.config, directory, record.device).train()


if __name__ == "__main__":
    sys.exit(carry_run(Path(sys.argv[1]), _train))
