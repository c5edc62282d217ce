"""A trainer for tests of scheduling: its trainer starts at once and behaves as its runs say."""

from __future__ import annotations

import sys
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from penstock.runs import RunConfig, RunDirectory
from penstock.trainers import Trainer

PROCESS = Path(__file__).with_name("stub_process.py")


class StubHyperparameters(BaseModel):
    """What a run of the stub is told."""

    model_config = ConfigDict(extra="forbid")

    learning_rate: float = Field(gt=0)
    seed: int = 0
    batch_size: int = 16
    behaviour: str = "done"


class Stub(Trainer):
    """Carries a run with `stub_process.py`."""

    name = "stub"

    def methods(self) -> list[str]:
        """One, of the same name."""
        return ["stub"]

    def hyperparameters(self, method: str) -> type[BaseModel]:
        """Its hyperparameters."""
        return StubHyperparameters

    def command(self, directory: RunDirectory, config: RunConfig) -> list[str]:
        """The process, without what site-packages would cost."""
        return [sys.executable, "-I", "-S", str(PROCESS), str(directory.path)]


class Absent(Stub):
    """A trainer whose program is not installed."""

    name = "absent"

    def command(self, directory: RunDirectory, config: RunConfig) -> list[str]:
        """A file that is not there."""
        return ["/absent/trainer", str(directory.path)]


TRAINER = Stub()
ABSENT = Absent()
