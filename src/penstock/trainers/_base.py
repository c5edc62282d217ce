"""What a trainer is: it turns a run into a process."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from pydantic import BaseModel

from penstock.runs import RunConfig, RunDirectory


class Trainer(ABC):
    """Knows one trainer: its methods, their hyperparameters, and the command that carries a run.

    The process reads `run.json` in the run's directory, appends to `metrics.jsonl`, and writes its
    result or its failure into `run.json` before it ends.
    """

    #: The registered name, the same as the module's.
    name: ClassVar[str]

    def require(self) -> None:
        """Raise ConfigError, with the mend, where the trainer is not here."""
        return

    def verify(self, config: RunConfig) -> None:
        """Raise ConfigError, with the key as its field, for a run that it cannot carry."""
        return

    @abstractmethod
    def methods(self) -> list[str]:
        """Return the names of the methods this trainer knows."""

    @abstractmethod
    def hyperparameters(self, method: str) -> type[BaseModel]:
        """Return the model of a method's hyperparameters; raises ConfigError for no such method."""

    @abstractmethod
    def command(self, directory: RunDirectory, config: RunConfig) -> list[str]:
        """Return the command that carries the run of this directory."""
