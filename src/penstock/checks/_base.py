"""What a checker is: it finds the datasets of one format, and what is wrong with each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Generic, Protocol, TypeVar

from penstock.errors import ConfigError
from penstock.findings import DatasetFindings


class Dataset(Protocol):
    """Something on disk that one checker knows how to check."""

    @property
    def path(self) -> Path:
        """Where it is, as the user can open it."""
        ...


@dataclass(frozen=True)
class CheckOptions:
    """What a check looks at besides the dataset.

    `against` is the original of synthetic data; `full` reads every byte where a sample is the rule;
    `tokenizer` is the directory, or the tokenizer.json, of tokens whose manifest names none.
    """

    against: Path | None = None
    full: bool = False
    tokenizer: Path | None = None


DatasetT = TypeVar("DatasetT", bound=Dataset)


class Checker(ABC, Generic[DatasetT]):
    """The checks of one format. A module of this room holds one as `CHECKER`."""

    #: The name of the format, the same as the module's.
    format: ClassVar[str]
    #: How a dataset of this format is recognised, in a few words.
    looks_like: ClassVar[str]

    @abstractmethod
    def find(self, path: Path) -> Sequence[DatasetT]:
        """Return every dataset of this format at or below a path, or at a prefix of file names.

        What is recognisably meant as one is returned too: its mistakes are for `check` to find.
        """

    @abstractmethod
    def check(self, dataset: DatasetT, options: CheckOptions) -> DatasetFindings:
        """Return what is wrong with a dataset, and how it differs from its original.

        Raises ConfigError where `options.against` holds no original of it, or the format knows
        none, and where `options.tokenizer` holds no tokenizer.
        """


def refuse_original(dataset: Dataset, format: str, options: CheckOptions) -> None:
    """Raise ConfigError where an original is given to a format that compares with none."""
    if options.against is not None:
        raise ConfigError(
            f"{format} has no original to compare with; --against is for task data",
            file=dataset.path,
        )
