"""penstock's own trainer."""

from __future__ import annotations

import sys

from pydantic import BaseModel

from penstock.runs import RunConfig, RunDirectory
from penstock.trainers._base import Runner, Trainer
from penstock.training import METHODS


class PenstockRunner(Runner):
    """Runs `penstock.training` in a process of its own."""

    def methods(self) -> list[str]:
        """Return every registered method."""
        return METHODS.names()

    def hyperparameters(self, method: str) -> type[BaseModel]:
        """Return the method's own model."""
        return METHODS.get(method).Hyperparameters

    def command(self, directory: RunDirectory, config: RunConfig) -> list[str]:
        """Return `python -m penstock.training` with this interpreter."""
        return [sys.executable, "-m", "penstock.training", str(directory.path)]


TRAINER = Trainer("penstock", runner=PenstockRunner())
