"""Programs that train, one module or package each, and what penstock can do with them.

`TRAINERS.get("penstock")` finds one by name; `runner(name)` and `export(name, dataset)` ask for a
capability and raise ConfigError if the trainer lacks it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from penstock.config import Document, apply_overrides, validate
from penstock.errors import ConfigError
from penstock.registry import Registry
from penstock.trainers._base import (
    ConfigChecker,
    Export,
    Item,
    Runner,
    State,
    Trainer,
    TrainerConfig,
)

__all__ = [
    "TRAINERS",
    "ConfigChecker",
    "Export",
    "Item",
    "Runner",
    "State",
    "Trainer",
    "TrainerConfig",
    "config_checkers",
    "export",
    "install",
    "runner",
    "trainers",
]

TRAINERS: Registry[Trainer] = Registry("trainer", "penstock.trainers", "TRAINER")


def trainers() -> list[Trainer]:
    """Return every registered trainer, in the order of their names."""
    return [TRAINERS.get(name) for name in TRAINERS.names()]


def runner(name: str) -> Runner:
    """Return what performs runs with a trainer; raises ConfigError for one that runs nothing."""
    if (found := TRAINERS.get(name).runner) is None:
        raise _cannot(name, "runs no experiments", [t.name for t in trainers() if t.runner])
    return found


def export(
    trainer: str, dataset: Path | str, overrides: Iterable[str] = (), **options: Any
) -> Export:
    """Return the settings with which a trainer reads a dataset; nothing is written.

    `options` are the trainer's; `overrides` are more of them, as `key=value`. Raises ConfigError
    for an unknown trainer or one that reads none of penstock's formats, for an unknown option, and
    for a dataset that the trainer cannot read; DataError for a damaged dataset.
    """
    if (exporter := TRAINERS.get(trainer).exporter) is None:
        raise _cannot(trainer, "needs no export", [t.name for t in trainers() if t.exporter])
    document = Document(dict(options), f"export {trainer}")
    apply_overrides(document, tuple(overrides))
    return exporter.export(Path(dataset), validate(document, exporter.options(document.data)))


def install(trainer: str, on_progress: Callable[[str], None] = lambda line: None) -> None:
    """Create the environment of a trainer, unless it is complete; `on_progress` gets each step.

    Raises ConfigError for a trainer without an environment, PenstockError if it cannot be created.
    """
    if (create := TRAINERS.get(trainer).install) is None:
        names = [t.name for t in trainers() if t.install]
        raise _cannot(trainer, "has no environment to install", names)
    create(on_progress)


def config_checkers(format: str) -> list[ConfigChecker]:
    """Return the checkers of all trainers that read datasets of a format."""
    checkers = (trainer.config_checker for trainer in trainers())
    return [checker for checker in checkers if checker and checker.format == format]


def _cannot(name: str, problem: str, others: list[str]) -> ConfigError:
    return ConfigError(f"the trainer '{name}' {problem}; possible: {', '.join(others)}")
