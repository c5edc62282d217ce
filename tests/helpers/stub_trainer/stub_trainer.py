"""A trainer for tests of grids: its process starts at once and behaves as its runs say."""

from __future__ import annotations

import sys
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from penstock.runs import RunConfig, RunDirectory
from penstock.trainers import Runner, Trainer

PROCESS = Path(__file__).with_name("stub_process.py")


class StubHyperparameters(BaseModel):
    """The hyperparameters of a stub run; `behaviour` is a function of `stub_process.py`."""

    model_config = ConfigDict(extra="forbid")

    learning_rate: float = Field(gt=0)
    seed: int = 0
    batch_size: int = 16
    behaviour: str = "done"


class StubRunner(Runner):
    """Executes a run with `stub_process.py`."""

    def methods(self) -> list[str]:
        """Return one method."""
        return ["stub"]

    def hyperparameters(self, method: str) -> type[BaseModel]:
        """Return the hyperparameters of the stub."""
        return StubHyperparameters

    def command(self, directory: RunDirectory, config: RunConfig) -> list[str]:
        """Return the command, without the startup cost of site-packages."""
        return [sys.executable, "-I", "-S", str(PROCESS), str(directory.path)]


class AbsentRunner(StubRunner):
    """A trainer whose program does not exist."""

    def command(self, directory: RunDirectory, config: RunConfig) -> list[str]:
        """Return a command whose file does not exist."""
        return ["/absent/trainer", str(directory.path)]


TRAINER = Trainer("stub", runner=StubRunner())
ABSENT = Trainer("absent", runner=AbsentRunner())
