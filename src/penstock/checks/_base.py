"""What a checker is: it finds the datasets of one format, and what is wrong with each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Generic, Protocol, TypeVar

from penstock.findings import DatasetFindings


class Dataset(Protocol):
    """Something on disk that one checker knows how to check."""

    @property
    def path(self) -> Path:
        """Where it is, as the user can open it."""
        ...


DatasetT = TypeVar("DatasetT", bound=Dataset)


class Checker(ABC, Generic[DatasetT]):
    """The checks of one format. A module of this room holds one as `CHECKER`."""

    #: The name of the format, the same as the module's.
    format: ClassVar[str]
    #: How a dataset of this format is recognised, in a few words.
    looks_like: ClassVar[str]

    @abstractmethod
    def find(self, path: Path) -> Sequence[DatasetT]:
        """Return every dataset of this format at or below an existing path.

        What is recognisably meant as one is returned too: its mistakes are for `check` to find.
        """

    @abstractmethod
    def check(self, dataset: DatasetT, against: Path | None) -> DatasetFindings:
        """Return what is wrong with a dataset, and how it differs from its original in `against`.

        Raises ConfigError where `against` holds no original of it, or the format knows none.
        """
