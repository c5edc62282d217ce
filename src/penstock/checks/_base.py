"""The protocol of a check: find the datasets of one kind, and report what is wrong with each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from penstock.findings import Collector
from penstock.formats import Format


@dataclass(frozen=True)
class CheckOptions:
    """The options of `penstock check`.

    `against` is the original of synthetic data. `full` reads every byte instead of a sample.
    `tokenizer` is a directory or a tokenizer.json, for token datasets whose manifest names none.
    """

    against: Path | None = None
    full: bool = False
    tokenizer: Path | None = None


class Check(ABC):
    """The check of one kind of data.

    A module of `penstock.checks` holds an instance as `CHECK`. Reports show the module's name as
    the format of the data.
    """

    #: How to recognise such data; shown if a path holds no dataset.
    looks_like: str
    #: True if datasets can be compared with an original (`--against`).
    compares: bool = False

    @abstractmethod
    def find(self, path: Path) -> Iterable[Path]:
        """Return every dataset at or below `path`, which may also be a prefix of file names.

        A recognisable but broken dataset is returned too: `check` reports its errors.
        """

    @abstractmethod
    def check(self, dataset: Path, collector: Collector, options: CheckOptions) -> int:
        """Add the findings about a dataset to `collector` and return its number of rows.

        Raises ConfigError if `options.against` has no counterpart of the dataset or
        `options.tokenizer` is no tokenizer.
        """


class FormatCheck(Check):
    """A check of a format that `penstock.formats` can find."""

    def __init__(self, format: type[Format]) -> None:
        self.format = format
        self.looks_like = format.looks_like

    def find(self, path: Path) -> Iterable[Path]:
        """Return the datasets that the format finds."""
        return self.format.find(path)
