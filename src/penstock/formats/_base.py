"""The interface of a format: name its shards, write each, write metadata, read a dataset."""

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
    """Consecutive rows to be written to a shard.

    `ids` (flat) holds all segments in order, without padding; `lengths` (int32) the tokens of each
    segment; row r has the segments `first[r]` to before `first[r + 1]` (int64). For rows of text
    `ids` is uint8 and each row is one segment, a JSON object in UTF-8.
    """

    ids: NDArray[Any]
    lengths: NDArray[np.int32]
    first: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.first) - 1


@dataclass(frozen=True)
class View:
    """Rows of a build that a format stores under one name: those of `splits`, in order.

    With `sources`, only the rows of these sources, in their order before sources are mixed.
    """

    name: str
    splits: tuple[str, ...]
    sources: tuple[str, ...] | None = None


@dataclass(frozen=True)
class SplitShape:
    """The size of one split. `segments` and `tokens` do not count padding."""

    rows: int
    segments: int
    tokens: int


@dataclass(frozen=True)
class OutputSpec:
    """The dataset to be written.

    `splits` has the shape of each of the format's views, which are the splits by default.
    `directory` is the final path, not the one it is written to; `context` is the length of every
    row, None if lengths differ; `dtype` is that of the ids.
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
    """Consecutive rows of one split (or other view), written to a file `path`."""

    split: str
    path: str
    start: int
    stop: int


@dataclass(frozen=True)
class Written:
    """A written file: its path in the dataset, its rows, and its hash if the writer computed it."""

    path: str
    rows: int | None
    sha256: str | None = None


@dataclass(frozen=True)
class TokenRow:
    """One row: its columns by name (each 1-D), its file and its number in the file, from 1."""

    columns: dict[str, NDArray[Any]]
    file: Path
    number: int


class Dataset(ABC):
    """A dataset on disk, open for reading. Every read verifies what it can and raises DataError."""

    #: The directory, or the prefix of a pair of files.
    path: Path
    #: The number of rows of each split.
    splits: Mapping[str, int]

    @abstractmethod
    def rows(self, split: str, start: int = 0, stop: int | None = None) -> Iterator[TokenRow]:
        """Yield the rows of a split from `start` to before `stop`."""


class ShardedDataset(Dataset):
    """A dataset whose splits consist of shards: files of consecutive rows."""

    def __init__(self, path: Path, shards: Mapping[str, Sequence[tuple[Path, int]]]) -> None:
        self.path = path
        self._shards = shards
        self.splits = {split: sum(n for _, n in files) for split, files in shards.items()}

    def shards(self, split: str) -> Sequence[tuple[Path, int]]:
        """Return the file and the number of rows of each shard of a split."""
        return self._shards[split]

    @abstractmethod
    def shard_rows(self, file: Path, count: int, start: int, stop: int) -> Iterator[TokenRow]:
        """Yield rows of a shard that has `count` of them."""

    def rows(self, split: str, start: int = 0, stop: int | None = None) -> Iterator[TokenRow]:
        """Yield the rows of a split from `start` to before `stop`, each numbered in its file."""
        before = 0
        stop = self.splits[split] if stop is None else stop
        for file, count in self._shards[split]:
            begin, end = max(start - before, 0), min(stop - before, count)
            before += count
            if begin < end:
                yield from self.shard_rows(file, count, begin, end)


class Format(Options, ABC):
    """How a dataset is stored for one trainer; a module of this package holds one as `FORMAT`.

    An instance holds the settings from a recipe.
    """

    #: The name in YAML, the same as the module's.
    name: ClassVar[str]
    #: True if its rows are tokens, False if they are text.
    takes_tokens: ClassVar[bool] = True
    #: True if every row must have the same length (`OutputSpec.context`).
    fixed_rows: ClassVar[bool]
    #: How to recognise a dataset of this format; shown if a path holds no dataset.
    looks_like: ClassVar[str]

    def views(self, splits: Sequence[str], source_names: Sequence[str]) -> Sequence[View]:
        """Return the views that become files, given the splits and sources of a recipe.

        Raises ConfigError for a setting that names an unknown source.
        """
        return [View(split, (split,)) for split in splits]

    def problem_with(self, row: Mapping[str, Any]) -> str | None:
        """Return why this format cannot store a row of text, and the fix; None if it can.

        Called for every row before `write`. The message never contains text of the row.
        """
        return None

    def verify(self, target: OutputSpec) -> None:
        """Raise ConfigError for a dataset that this format cannot store; called before writing."""

    def prepare(self) -> None:
        """Load what `write` needs; called once, before worker processes start."""

    @abstractmethod
    def shards(self, target: OutputSpec) -> Sequence[Shard]:
        """Return the shards of every split; they depend only on the target."""

    @abstractmethod
    def write(
        self, directory: Path, shard: Shard, target: OutputSpec, blocks: Iterable[RowBlock]
    ) -> Sequence[Written]:
        """Write one shard below `directory`; workers write shards in any order."""

    def finish(
        self, directory: Path, target: OutputSpec, written: Sequence[Written]
    ) -> Sequence[str]:
        """Write the metadata of the dataset after all shards; return the paths of its files."""
        return ()

    @classmethod
    def merge(cls, datasets: Sequence[Path], output: Path) -> Path:
        """Merge datasets without encoding a row again; return the path of the new one.

        Raises ConfigError for datasets that cannot be merged.
        """
        raise ConfigError(
            f"{cls.name} files cannot be merged; build a dataset from sources of kind `dataset`"
        )

    @classmethod
    @abstractmethod
    def find(cls, path: Path) -> Sequence[Path]:
        """Return every dataset of this format at or below a path, or at a prefix."""

    @classmethod
    @abstractmethod
    def open(cls, path: Path) -> Dataset:
        """Open a dataset that `find` returned; raises DataError if it cannot be read."""


#: The formats that a recipe can write. Task JSONL is written by `penstock migrate`.
FORMATS: Registry[type[Format]] = Registry("format", "penstock.formats", "FORMAT")
