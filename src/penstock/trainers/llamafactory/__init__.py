"""LLaMA-Factory (0.9.5): runs in its own process and virtual environment, export, and checks."""

from __future__ import annotations

import sys

from pydantic import BaseModel

from penstock.errors import ConfigError
from penstock.runs import RunConfig, RunDirectory
from penstock.trainers._base import Runner, Trainer
from penstock.trainers.llamafactory.checks import CHECKER
from penstock.trainers.llamafactory.environment import install, require_environment, status
from penstock.trainers.llamafactory.export import LlamaFactoryExporter
from penstock.trainers.llamafactory.hyperparameters import METHODS, hyperparameters_of
from penstock.trainers.llamafactory.models import require_loadable, template_of
from penstock.trainers.llamafactory.rows import check_entries


class LlamaFactoryRunner(Runner):
    """Runs `llamafactory-cli train`."""

    def methods(self) -> list[str]:
        """Return full fine-tuning and LoRA."""
        return list(METHODS)

    def hyperparameters(self, method: str) -> type[BaseModel]:
        """Return the hyperparameters under penstock's names; settings.py has LLaMA-Factory's."""
        return hyperparameters_of(method)

    def require_installed(self) -> None:
        """Raise ConfigError if LLaMA-Factory is not installed."""
        require_environment()

    def check_config(self, config: RunConfig) -> None:
        """Refuse tasks other than chat, .gguf files, and a model whose template is unknown.

        Also refuse entries with which LLaMA-Factory would read other rows than the files hold.
        """
        if config.task != "chat":
            raise ConfigError("LLaMA-Factory trains only the task chat", field="task")
        require_loadable(config.model)
        if config.hyperparameters["template"] is None:
            template_of(config.model, "hyperparameters.template")
        check_entries(config.data)

    def command(self, directory: RunDirectory, config: RunConfig) -> list[str]:
        """Return `python -m penstock.trainers.llamafactory` with this interpreter."""
        return [sys.executable, "-m", "penstock.trainers.llamafactory", str(directory.path)]


TRAINER = Trainer(
    "llamafactory",
    runner=LlamaFactoryRunner(),
    exporter=LlamaFactoryExporter(),
    install=install,
    status=status,
    config_checker=CHECKER,
)
