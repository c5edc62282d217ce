"""Random tokens for speed measurements; never a substitute for missing data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from penstock.batches import RowStats, TokenBatch
from penstock.sources._base import InputSplit, Source
from penstock.tokenization import storage_dtype

_BLOCK_TOKENS = 1 << 18


class RandomTokensSource(Source):
    """Documents of random ids. They are meaningless: training on them measures only speed.

    The manifest of a dataset built from them says `synthetic`. The ids, uint16 for a small
    vocabulary and otherwise int32, depend only on the settings, not on the input splits.
    """

    gives_tokens: ClassVar[bool] = True

    count: int = Field(ge=1, description="The number of documents.")
    length: int = Field(ge=1, le=2**31 - 1, description="The tokens of each document.")
    vocab_size: int = Field(ge=2, le=2**31, description="Ids are below this.")
    distribution: Literal["uniform", "zipf"] = Field(
        "uniform",
        description="uniform: all ids are equally frequent; zipf: id k has the weight 1 / (k + 1).",
    )
    seed: int = Field(0, ge=0, description="The seed of the generator of ids.")

    @property
    def synthetic(self) -> bool:
        return True

    def inputs(self) -> list[str]:
        return []

    def input_splits(self, split_bytes: int) -> list[InputSplit]:
        """Return ranges of documents of about `split_bytes`, in complete blocks."""
        size = self.length * storage_dtype(self.vocab_size).itemsize
        step = max(1, split_bytes // (size * self._block)) * self._block
        return [
            InputSplit("random_tokens", start, stop, (stop - start) * size)
            for start in range(0, self.count, step)
            for stop in [min(start + step, self.count)]
        ]

    def read(self, input_split: InputSplit, stats: RowStats) -> Iterator[TokenBatch]:
        first, stop = input_split.start, input_split.stop or self.count
        for start in range(first, stop, self._block):
            documents = min(self._block, stop - start)
            yield TokenBatch(
                self._ids(start // self._block)[: documents * self.length],
                np.full(documents, self.length, np.int32),
                np.ones(documents, np.int32),
                range(start - first, start - first + documents),
            )

    @property
    def _block(self) -> int:
        """The number of documents that are drawn from one state of the generator."""
        return max(1, _BLOCK_TOKENS // self.length)

    def _ids(self, block: int) -> NDArray[Any]:
        generator = np.random.default_rng([self.seed, block])
        count = self._block * self.length
        dtype = storage_dtype(self.vocab_size)
        if self.distribution == "uniform":
            return generator.integers(self.vocab_size, size=count).astype(dtype)
        cumulative = np.cumsum(1 / np.arange(1, self.vocab_size + 1))
        drawn = generator.random(count) * cumulative[-1]
        return np.asarray(np.searchsorted(cumulative, drawn, side="right").astype(dtype))


SOURCE = RandomTokensSource
