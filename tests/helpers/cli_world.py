"""A working directory in which every verb that reads has something to read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from penstock.runs import RunDirectory


@dataclass(frozen=True)
class World:
    """A working directory with results, datasets and an old tree; tests leave it as it is."""

    path: Path
    #: A run that is done.
    run: RunDirectory
