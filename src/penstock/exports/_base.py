"""What an export is: the settings by which one trainer reads a dataset, and what it makes of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel

from penstock.config import Options, dump_yaml


@dataclass(frozen=True)
class Export:
    """A dataset in the terms of one trainer.

    `settings` are the trainer's own keys; `version` says for which version of it; `keeps` and
    `loses` say in words what reaches the model of what the dataset holds, `advice` what else to
    know, `warnings` what is likely to be wrong. `head` are lines of comment that the settings begin
    with as YAML, before the warnings.
    """

    trainer: str
    version: str
    dataset: str
    settings: Mapping[str, Any]
    keeps: Sequence[str] = ()
    loses: Sequence[str] = ()
    advice: Sequence[str] = ()
    warnings: Sequence[str] = ()
    head: Sequence[str] = ()

    def to_yaml(self) -> str:
        """Return the settings as the file that the trainer is given."""
        lines = [*self.head, *(f"warning: {line}" for line in self.warnings)]
        return "".join(f"# {line}\n" for line in lines) + dump_yaml(self.settings)

    def to_dict(self) -> dict[str, Any]:
        """Return the form that `--format json` prints."""
        return asdict(self)


class NoOptions(Options):
    """What an exporter takes that takes nothing."""


class Exporter(ABC):
    """Says how one trainer reads a dataset. A module of this room holds one as `EXPORT`."""

    #: The trainer's name, the same as the module's.
    name: ClassVar[str]

    def options(self, given: Mapping[str, Any]) -> type[BaseModel]:
        """Return the model of the options; `given` are those that somebody gives."""
        return NoOptions

    @abstractmethod
    def export(self, dataset: Path, options: Any) -> Export:
        """Return the settings for a dataset; nothing is written. `options` has their model.

        Raises ConfigError for a dataset that the trainer cannot read, DataError for one that is
        damaged.
        """
