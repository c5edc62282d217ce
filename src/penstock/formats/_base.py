"""What a format is: it names its shards, writes each, describes the whole, and reads it back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from penstock.config import Options
from penstock.errors import ConfigError
from penstock.registry import Registry


@dataclass(frozen=True)
class RowBlock:
    """Consecutive rows on their way to a shard.

    `ids` (flat) holds the segments one after the other, padding apart; `lengths` (int32, one a
    segment) is in tokens; row r has the segments `first[r]` up to `first[r + 1]` (int64).
    For rows of text `ids` is uint8 and each row one segment, a JSON object in UTF-8.
    """

    ids: NDArray[Any]
    lengths: NDArray[np.int32]
    first: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.first) - 1


@dataclass(frozen=True)
class View:
    """Rows of a build that a format wants under one name.

    They are those of some splits, one after the other: all as the steps have left them, or with
    `sources` those of these sources alone, before they were put among each other.
    """

    name: str
    splits: tuple[str, ...]
    sources: tuple[str, ...] | None = None


@dataclass(frozen=True)
class SplitShape:
    """How large one split is. `segments` and `tokens` do not count padding."""

    rows: int
    segments: int
    tokens: int


@dataclass(frozen=True)
class OutputSpec:
    """The dataset to be written.

    `splits` has the shape of each of the format's views, which are the splits unless it has others.
    `directory` is where it will be known, not where it is written; `context` is the length of
    every row, None when each has its own; `dtype` is that of the ids.
    """

    directory: Path
    name: str
    splits: Mapping[str, SplitShape]
    dtype: np.dtype[Any]
    context: int | None = None
    pad_id: int | None = None
    vocab_size: int | None = None


@dataclass(frozen=True)
class Shard:
    """Consecutive rows of one split (or other view), written by themselves to `path`."""

    split: str
    path: str
    start: int
    stop: int


@dataclass(frozen=True)
class Written:
    """A file that was written: its path in the dataset and its number of rows.

    `sha256` is there where the writer has hashed the file on the way.
    """

    path: str
    rows: int | None
    sha256: str | None = None


@dataclass(frozen=True)
class TokenRow:
    """One row that was read: its columns by name (each 1-D), and the file and number it has."""

    columns: dict[str, NDArray[Any]]
    file: Path
    number: int


class Dataset(ABC):
    """A dataset on disk, open for reading. Every read checks what it can and raises DataError."""

    #: What the user named: the directory, or the prefix of a pair of files.
    path: Path
    #: The number of rows of each split.
    splits: Mapping[str, int]

    @abstractmethod
    def rows(self, split: str, start: int = 0, stop: int | None = None) -> Iterator[TokenRow]:
        """Yield the rows of a split from `start` to before `stop`."""


class Format(Options, ABC):
    """How a dataset lies on disk for one trainer. A module of this room holds one as `FORMAT`.

    An instance holds the settings that a recipe gives it.
    """

    #: The name in YAML, the same as the module's.
    name: ClassVar[str]
    #: True when its rows are tokens, False when they are rows of text.
    takes_tokens: ClassVar[bool] = True
    #: True when every row must have the same length (`OutputSpec.context`).
    fixed_rows: ClassVar[bool]
    #: How a dataset of this format is recognised, in a few words.
    looks_like: ClassVar[str]

    def views(self, splits: Sequence[str], source_names: Sequence[str]) -> Sequence[View]:
        """Return what the files are made of, given the splits and sources of a recipe.

        Raises ConfigError for a setting that names no source.
        """
        return [View(split, (split,)) for split in splits]

    def problem_with(self, row: Mapping[str, Any]) -> str | None:
        """Say why a row of text cannot lie in this format, and the mend; None when it can.

        Every row is asked about before it reaches `write`. The words never hold its text.
        """
        return None

    def verify(self, target: OutputSpec) -> None:
        """Look at the target before anything is written; raises ConfigError for what cannot be."""

    def prepare(self) -> None:
        """Load what `write` needs; called once, before the work is shared out."""

    @abstractmethod
    def shards(self, target: OutputSpec) -> Sequence[Shard]:
        """Return the shards of every split; they depend on the target alone."""

    @abstractmethod
    def write(
        self, directory: Path, shard: Shard, target: OutputSpec, blocks: Iterable[RowBlock]
    ) -> Sequence[Written]:
        """Write one shard below `directory`; any worker may do it, and in any order."""

    def finish(
        self, directory: Path, target: OutputSpec, written: Sequence[Written]
    ) -> Sequence[str]:
        """Write what describes the whole, when every shard is there; return the files' paths."""
        return ()

    @classmethod
    def merge(cls, datasets: Sequence[Path], output: Path) -> Path:
        """Make one dataset of several without encoding a row again; return its path.

        Raises ConfigError for what cannot be merged so.
        """
        raise ConfigError(
            f"{cls.name} cannot be merged by its files; build it, from sources of kind `dataset`"
        )

    @classmethod
    @abstractmethod
    def find(cls, path: Path) -> Sequence[Path]:
        """Return every dataset of this format at or below a path, or at a prefix."""

    @classmethod
    @abstractmethod
    def open(cls, path: Path) -> Dataset:
        """Open a dataset that `find` returned; raises DataError for what cannot be read."""


#: The formats that a recipe can write. Task JSONL is written by `penstock migrate`.
FORMATS: Registry[type[Format]] = Registry("format", "penstock.formats", "FORMAT")
