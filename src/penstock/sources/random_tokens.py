"""Tokens made up at random: for measuring speed, and never in place of data that is missing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from penstock.batches import RowStats, TokenBatch
from penstock.sources._base import InputSplit, Source
from penstock.tokenization import storage_dtype

_NAME = "random_tokens"
_BLOCK_TOKENS = 1 << 18


class RandomTokensSource(Source):
    """Documents of random ids. They mean nothing: whoever trains on them measures speed alone.

    The manifest of what is built from them says `synthetic`. The ids, uint16 for a small
    vocabulary and else int32, depend on the settings alone, not on how they are cut into input_splits.
    """

    gives_tokens: ClassVar[bool] = True

    count: int = Field(ge=1, description="The number of documents.")
    length: int = Field(ge=1, le=2**31 - 1, description="The tokens of each document.")
    vocab_size: int = Field(ge=2, le=2**31, description="Ids are below this.")
    distribution: Literal["uniform", "zipf"] = Field(
        "uniform", description="How often ids come: all alike, or id k as 1 / (k + 1)."
    )
    seed: int = Field(0, ge=0, description="Decides every id.")

    @property
    def synthetic(self) -> bool:
        """True: nothing can be learnt from random ids."""
        return True

    def inputs(self) -> list[str]:
        """Return nothing: no file is read."""
        return []

    def input_splits(self, piece_bytes: int) -> list[InputSplit]:
        """Return ranges of documents of about `piece_bytes`, of whole blocks each."""
        size = self.length * storage_dtype(self.vocab_size).itemsize
        step = max(1, piece_bytes // (size * self._block)) * self._block
        return [
            InputSplit(_NAME, start, stop, (stop - start) * size)
            for start in range(0, self.count, step)
            for stop in [min(start + step, self.count)]
        ]

    def read(self, input_split: InputSplit, stats: RowStats) -> Iterator[TokenBatch]:
        """Yield the documents of an input split, of one sequence each."""
        for start in range(input_split.start, input_split.stop or self.count, self._block):
            documents = min(self._block, (input_split.stop or self.count) - start)
            yield TokenBatch(
                self._ids(start // self._block)[: documents * self.length],
                np.full(documents, self.length, np.int32),
                np.ones(documents, np.int32),
                range(start - input_split.start, start - input_split.start + documents),
            )

    def place(self, input_split: InputSplit, number: int) -> tuple[str, int]:
        """Return which document (from 1) a row is."""
        return _NAME, input_split.start + number + 1

    @property
    def _block(self) -> int:
        """The number of documents that come from one state of the generator."""
        return max(1, _BLOCK_TOKENS // self.length)

    def _ids(self, block: int) -> NDArray[Any]:
        generator = np.random.default_rng([self.seed, block])
        count = self._block * self.length
        dtype = storage_dtype(self.vocab_size)
        if self.distribution == "uniform":
            return generator.integers(self.vocab_size, size=count).astype(dtype)
        shares = np.cumsum(1 / np.arange(1, self.vocab_size + 1))
        drawn = generator.random(count) * shares[-1]
        return np.asarray(np.searchsorted(shares, drawn, side="right").astype(dtype))


SOURCE = RandomTokensSource
