"""An experiment file with what its names mean: its trainer, its methods, its dotted keys."""

from __future__ import annotations

from typing import Any

from penstock.config import Document, Place
from penstock.errors import ConfigError, did_you_mean
from penstock.experiments.schema import Experiment
from penstock.trainers import TRAINERS, Trainer

DATA_KEYS = ("path", "train", "validation", "test", "original", "synthetic", "mix", "name")
#: What stands before the name of a hyperparameter in its dotted key.
HYPERPARAMETERS = "hyperparameters."


class Request:
    """What an experiment file asks for, by names that are known.

    Raises ConfigError, at its place in the file, for a trainer or a method that there is not.
    """

    def __init__(self, experiment: Experiment, document: Document) -> None:
        self.experiment = experiment
        self.document = document
        self.trainer = self._backend()
        #: Each method with the hyperparameters of its own.
        self.methods = self._methods()
        names = {n for m in self.trainer.methods() for n in self.fields(m)}
        #: Every key that a grid can have as a dimension, such as `data.mix`.
        self.keys = [
            *("model", "task", "method"),
            *(f"data.{name}" for name in DATA_KEYS),
            *(f"{HYPERPARAMETERS}{name}" for name in sorted(names)),
        ]

    def _backend(self) -> Trainer:
        try:
            return TRAINERS.get(self.experiment.trainer)
        except ConfigError as error:
            raise self.document.error(error.message, ("trainer",)) from None

    def _methods(self) -> dict[str, dict[str, Any]]:
        given = self.experiment.method
        own = given if isinstance(given, dict) else {}
        names = [given] if isinstance(given, str) else list(given)
        if not names:
            raise self.document.error("names no method", ("method",))
        known = self.trainer.methods()
        for name in names:
            if name not in known:
                hint = did_you_mean(name, known) or f"; known: {', '.join(known)}"
                raise self.document.error(
                    f"there is no method '{name}'{hint}",
                    ("method", name) if own else self.value_place(("method",), name),
                )
        return {name: own.get(name) or {} for name in names}

    def fields(self, method: str) -> list[str]:
        """Return the names of a method's hyperparameters."""
        return list(self.trainer.hyperparameters(method).model_fields)

    def full_key(self, name: str, place: Place) -> str:
        """Return the key that a name in zip or exclude means; it may be given without its mapping.

        Raises ConfigError, with the nearest name, for a name that no key has.
        """
        for candidate in (name, f"{HYPERPARAMETERS}{name}", f"data.{name}"):
            if candidate in self.keys:
                return candidate
        short = [key.rpartition(".")[2] for key in self.keys]
        hint = did_you_mean(name, short)
        raise self.document.error(f"there is no key '{name}' here{hint}", place)

    def gives(self, key: str) -> bool:
        """Say whether the file gives the key a value, if only for one method."""
        kind, _, name = key.rpartition(".")
        if kind == "data":
            return getattr(self.experiment.data, name) is not None
        own = any(name in values for values in self.methods.values())
        return not kind or name in self.experiment.hyperparameters or own

    def value_place(self, place: Place, value: Any) -> Place:
        """Return where a value of the key at `place` stands: its item, where the key has a list."""
        written: Any = self.document.data
        for part in place:
            written = written.get(part) if isinstance(written, dict) else None
        if isinstance(written, list):
            for index, item in enumerate(written):
                if type(item) is type(value) and item == value:
                    return (*place, index)
        return place
