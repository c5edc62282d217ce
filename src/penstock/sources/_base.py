"""What a source is: it names its input_splits, and reads one of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from penstock.batches import RowBatch, RowStats, TokenBatch
from penstock.config import Options


@dataclass(frozen=True)
class InputSplit:
    """A part of the input that is read in one go.

    The input_splits depend on the input and the recipe alone, never on the number of workers. `start`
    and `stop` are bytes of a file that can be cut at its lines, else rows; no `stop` is the end.
    `size` is in bytes of input, for the plan and the progress. `also` are whole files that follow.
    """

    path: str
    start: int = 0
    stop: int | None = None
    size: int = 0
    also: tuple[str, ...] = ()


class Source(Options, ABC):
    """Where rows come from. A module of this room holds one as `SOURCE`.

    An instance holds the settings of one source of a recipe.
    """

    #: True when it gives TokenBatches, False when it gives RowBatches.
    gives_tokens: ClassVar[bool] = False

    @property
    def synthetic(self) -> bool:
        """True when its content is made up, for measuring speed alone: manifests say so."""
        return False

    @property
    def confidential(self) -> bool:
        """True when its text is confidential: what is made of it is masked by show and check."""
        return False

    def tokenizer_identity(self) -> dict[str, Any] | None:
        """Return what the manifest says of the tokenizer of a source that gives tokens."""
        return None

    @abstractmethod
    def inputs(self) -> list[str]:
        """Return every file (local path or URL) that is read, in a fixed order.

        Raises ConfigError for a path or pattern that names no file.
        """

    def expected(self) -> dict[str, str]:
        """Return the SHA-256 of inputs that is known beforehand; other content ends a build."""
        return {}

    @abstractmethod
    def input_splits(self, piece_bytes: int) -> list[InputSplit]:
        """Return the input_splits, in order, each of about `piece_bytes` where the input can be cut."""

    def beginning(self, piece_bytes: int) -> InputSplit:
        """Return the first of `input_splits`, of a source that has some."""
        return self.input_splits(piece_bytes)[0]

    @abstractmethod
    def read(
        self, input_split: InputSplit, stats: RowStats
    ) -> Iterator[RowBatch] | Iterator[TokenBatch]:
        """Yield the rows of an input split in batches of a few megabytes at the most.

        What is not a row goes to `stats.bad`. Raises DataError for a file that breaks off.
        """

    @abstractmethod
    def place(self, input_split: InputSplit, number: int) -> tuple[str, int]:
        """Return the file and the line (from 1; of JSON that is no lines, the record) of a row."""
