"""The process of a run: `python -m penstock.trainers.llamafactory RUN_DIRECTORY`.

The exit status is 0 when the run is done, 1 when it failed, 130 when it was stopped.
"""

from __future__ import annotations

import sys
from pathlib import Path

from penstock.runs.process import execute_run
from penstock.trainers.llamafactory.process import train_run

if __name__ == "__main__":
    sys.exit(execute_run(Path(sys.argv[1]), train_run))
