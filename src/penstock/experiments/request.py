"""An experiment with its names resolved: the trainer, the methods, the keys of the grid."""

from __future__ import annotations

from typing import Any

from penstock.config import Document, KeyPath
from penstock.errors import ConfigError, did_you_mean
from penstock.experiments.schema import Experiment
from penstock.tasks import TASKS, TaskBase, task_kind
from penstock.trainers import runner

DATA_KEYS = ("path", "train", "validation", "test", "original", "synthetic", "mix", "name")
#: Prefix of a hyperparameter in its dotted key.
HYPERPARAMETERS = "hyperparameters."


class Request:
    """An experiment file, its trainer and its methods.

    Raises ConfigError, with the location in the file, for an unknown trainer or method.
    """

    def __init__(self, experiment: Experiment, document: Document) -> None:
        self.experiment = experiment
        self.document = document
        try:
            self.trainer = runner(experiment.trainer)
        except ConfigError as error:
            raise self.error(error.message, ("trainer",)) from None
        #: The methods, each with its own hyperparameters in the file.
        self.methods = self._methods()
        names = {name for method in self.trainer.methods() for name in self.fields(method)}
        #: Every key that can be a dimension of the grid, such as `data.mix`.
        self.keys = [
            *("model", "task", "method"),
            *(f"data.{name}" for name in DATA_KEYS),
            *(f"{HYPERPARAMETERS}{name}" for name in sorted(names)),
        ]

    def error(self, message: str, path: KeyPath, value: Any = None) -> ConfigError:
        """Return a ConfigError at a key, or at the item of the key's list that is `value`."""
        written: Any = self.document.data
        for part in path:
            written = written.get(part) if isinstance(written, dict) else None
        if isinstance(written, list):
            for index, item in enumerate(written):
                if type(item) is type(value) and item == value:
                    path = (*path, index)
                    break
        return self.document.error(message, path)

    def _methods(self) -> dict[str, dict[str, Any]]:
        given = self.experiment.method
        own = given if isinstance(given, dict) else {}
        names = [given] if isinstance(given, str) else list(given)
        if not names:
            raise self.error("no method is given", ("method",))
        known = self.trainer.methods()
        for name in names:
            if name not in known:
                hint = did_you_mean(name, known) or f"; known: {', '.join(known)}"
                path = ("method", name) if own else ("method",)
                raise self.error(f"there is no method '{name}'{hint}", path, name)
        return {name: own.get(name) or {} for name in names}

    def fields(self, method: str) -> list[str]:
        """Return the names of a method's hyperparameters."""
        return list(self.trainer.hyperparameters(method).model_fields)

    def full_key(self, name: str, path: KeyPath) -> str:
        """Return the dotted key of a name in zip or exclude, whose prefix may be omitted.

        Raises ConfigError, with the nearest name, for an unknown key.
        """
        for candidate in (name, f"{HYPERPARAMETERS}{name}", f"data.{name}"):
            if candidate in self.keys:
                return candidate
        hint = did_you_mean(name, [key.rpartition(".")[2] for key in self.keys])
        raise self.error(f"unknown key '{name}'{hint}", path)

    def has_value(self, key: str) -> bool:
        """Return True if the file gives the key a value, for all methods or for one."""
        prefix, _, name = key.rpartition(".")
        if prefix == "data":
            return getattr(self.experiment.data, name) is not None
        own = any(name in values for values in self.methods.values())
        return not prefix or name in self.experiment.hyperparameters or own

    def find_task(self, name: Any, path: KeyPath) -> TaskBase:
        """Return the task with a registered name or a directory name such as `Copa`."""
        tasks = [TASKS.get(known) for known in TASKS.names()]
        for task in tasks:
            if str(name).casefold() in (task.name, task.directory.casefold()):
                try:
                    task_kind(task.name)
                except ConfigError as error:
                    raise self.error(error.message, path, name) from None
                return task
        names = [task.name for task in tasks]
        hint = did_you_mean(str(name), [*names, *(task.directory for task in tasks)])
        hint = hint or f"; known: {', '.join(names)}"
        raise self.error(f"there is no task '{name}'{hint}", path, name)
