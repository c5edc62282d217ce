"""LLaMA-Factory (0.9.5), in a process and a virtual environment of its own."""

from __future__ import annotations

import sys

from pydantic import BaseModel

from penstock.errors import ConfigError
from penstock.runs import RunConfig, RunDirectory
from penstock.trainers._base import Trainer
from penstock.trainers.llamafactory.environment import require_environment
from penstock.trainers.llamafactory.hyperparameters import METHODS, hyperparameters_of
from penstock.trainers.llamafactory.models import require_loadable, template_of
from penstock.trainers.llamafactory.rows import require_entries


class LlamaFactory(Trainer):
    """Carries a run with `llamafactory-cli train`."""

    name = "llamafactory"

    def methods(self) -> list[str]:
        """Full fine-tuning and LoRA."""
        return list(METHODS)

    def hyperparameters(self, method: str) -> type[BaseModel]:
        """The values in penstock's words; settings.py has LLaMA-Factory's."""
        return hyperparameters_of(method)

    def require(self) -> None:
        """Raise ConfigError where there is no LLaMA-Factory."""
        require_environment()

    def verify(self, config: RunConfig) -> None:
        """Refuse other tasks than chat, .gguf files, a model of no known template, and entries.

        Those are refused by which LLaMA-Factory would read other rows than stand there.
        """
        if config.task != "chat":
            raise ConfigError("LLaMA-Factory trains the task chat alone", field="task")
        require_loadable(config.model)
        if config.hyperparameters["template"] is None:
            template_of(config.model, "hyperparameters.template")
        require_entries(config.data)

    def command(self, directory: RunDirectory, config: RunConfig) -> list[str]:
        """This package, run by this interpreter."""
        return [sys.executable, "-m", "penstock.trainers.llamafactory", str(directory.path)]


TRAINER = LlamaFactory()
