"""The process of a run: `python -m penstock.trainers.llamafactory RUN_DIRECTORY`.

It ends with status 0 when the run is done, 1 when it failed, 130 when it was stopped.
"""

from __future__ import annotations

import sys
from pathlib import Path

from penstock.runs.carrying import carry_run
from penstock.trainers.llamafactory.process import train_run

if __name__ == "__main__":
    sys.exit(carry_run(Path(sys.argv[1]), train_run))
