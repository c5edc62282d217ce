"""What an export is: the settings by which one trainer reads a dataset, and what it makes of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar


@dataclass(frozen=True)
class Export:
    """A dataset in the terms of one trainer.

    `settings` are the trainer's own keys; `version` says for which version of it; `keeps` and
    `loses` say in words what reaches the model of what the dataset holds, `advice` what else to
    know.
    """

    trainer: str
    version: str
    dataset: str
    settings: Mapping[str, Any]
    keeps: Sequence[str] = ()
    loses: Sequence[str] = ()
    advice: Sequence[str] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the form that `--format json` prints."""
        return asdict(self)


class Exporter(ABC):
    """Says how one trainer reads a dataset. A module of this room holds one as `EXPORT`."""

    #: The trainer's name, the same as the module's.
    name: ClassVar[str]

    @abstractmethod
    def export(self, dataset: Path) -> Export:
        """Return the settings for a dataset; nothing is written.

        Raises ConfigError for a dataset that the trainer cannot read, DataError for one that is
        damaged.
        """
