"""The protocol of a source: it lists its input splits and reads one of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from penstock.batches import RowBatch, RowStats, TokenBatch
from penstock.config import Options


@dataclass(frozen=True)
class InputSplit:
    """A part of the input that one worker reads.

    Input splits depend only on the input and the recipe, never on the number of workers. `start`
    and `stop` are bytes of a file that can be cut at its lines, otherwise rows; `stop=None` is the
    end. `size` is in bytes of input, for the plan and the progress. `also` lists further files
    that are read completely after `path`.
    """

    path: str
    start: int = 0
    stop: int | None = None
    size: int = 0
    also: tuple[str, ...] = ()

    @property
    def rows_before(self) -> int:
        """The number of rows or lines of the file before the split."""
        return self.start


class Source(Options, ABC):
    """A reader of rows or tokens; an instance holds the settings of one source of a recipe."""

    #: True if `read` yields TokenBatches, False if it yields RowBatches.
    gives_tokens: ClassVar[bool] = False

    @property
    def synthetic(self) -> bool:
        """True if the content is random, for speed measurements only; manifests record it."""
        return False

    @property
    def confidential(self) -> bool:
        """True if the text is confidential; show and check mask it in everything built from it."""
        return False

    def tokenizer_identity(self) -> dict[str, Any] | None:
        """Return the manifest's entry for the tokenizer of a source that yields tokens."""
        return None

    @abstractmethod
    def inputs(self) -> list[str]:
        """Return every file (local path or URL) that is read, in a fixed order.

        Raises ConfigError for a path or pattern that matches no file.
        """

    def known_hashes(self) -> dict[str, str]:
        """Return the SHA-256 of inputs known in advance; a build fails if one differs."""
        return {}

    @abstractmethod
    def input_splits(self, split_bytes: int) -> list[InputSplit]:
        """Return the input splits in order, each of about `split_bytes` if the input can be cut."""

    def first_split(self, split_bytes: int) -> InputSplit:
        """Return the first input split; the source must have one."""
        return self.input_splits(split_bytes)[0]

    @abstractmethod
    def read(
        self, input_split: InputSplit, stats: RowStats
    ) -> Iterator[RowBatch] | Iterator[TokenBatch]:
        """Yield the rows of an input split in batches of at most a few megabytes.

        Bad rows are reported to `stats.bad`. Raises DataError for a truncated file.
        """

    def locate(self, input_split: InputSplit, number: int) -> tuple[str, int]:
        """Return the file and the record or line (from 1) of row `number` of an input split."""
        return input_split.path, input_split.rows_before + number + 1
