"""A working directory with input for every command that reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from penstock.runs import RunDirectory


@dataclass(frozen=True)
class World:
    """A working directory with results, datasets and an old tree; tests never modify it."""

    path: Path
    #: A done run.
    run: RunDirectory
