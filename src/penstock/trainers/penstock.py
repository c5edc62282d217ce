"""penstock's own trainer, in a process of its own."""

from __future__ import annotations

import sys

from pydantic import BaseModel

from penstock.runs import RunConfig, RunDirectory
from penstock.trainers._base import Trainer
from penstock.training import METHODS


class PenstockTrainer(Trainer):
    """Carries a run with `penstock.training`."""

    name = "penstock"

    def methods(self) -> list[str]:
        """Every registered method."""
        return METHODS.names()

    def hyperparameters(self, method: str) -> type[BaseModel]:
        """The method's own model."""
        return METHODS.get(method).Hyperparameters

    def command(self, directory: RunDirectory, config: RunConfig) -> list[str]:
        """The module, run by this interpreter."""
        return [sys.executable, "-m", "penstock.training", str(directory.path)]


TRAINER = PenstockTrainer()
