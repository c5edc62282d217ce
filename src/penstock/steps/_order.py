"""The order of a dataset: which tokens go into which row, known by address and length alone."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Order:
    """Units of segments: documents at first, packed rows after `pack`.

    `starts` (int64) is the address of each segment's first token in the store that holds all tokens
    of a build one after the other; `lengths` (int32) is in tokens. Unit u has the segments
    `first[u]` up to `first[u + 1]` (int64, one more than units). `columns` holds one value a unit.
    `context` is the number of tokens that no row exceeds; rows are filled up to it with `pad_id`.
    """

    starts: NDArray[np.int64]
    lengths: NDArray[np.int32]
    first: NDArray[np.int64]
    columns: dict[str, NDArray[Any]] = field(default_factory=dict)
    context: int | None = None
    pad_id: int | None = None

    def __len__(self) -> int:
        return len(self.first) - 1

    @property
    def tokens(self) -> int:
        """The number of tokens, padding apart."""
        return int(self.lengths.sum(dtype=np.int64))

    def unit_lengths(self) -> NDArray[np.int64]:
        """Return the number of tokens of each unit."""
        ends = np.concatenate(([0], np.cumsum(self.lengths, dtype=np.int64)))
        return ends[self.first[1:]] - ends[self.first[:-1]]

    def joined_to(self, other: Order) -> Order:
        """Return the order that holds the units of this one, then those of another."""
        shared = self.columns.keys() & other.columns.keys()
        return replace(
            self,
            starts=np.concatenate((self.starts, other.starts)),
            lengths=np.concatenate((self.lengths, other.lengths)),
            first=np.concatenate((self.first, self.first[-1] + other.first[1:])),
            columns={
                name: np.concatenate((self.columns[name], other.columns[name]))
                for name in sorted(shared)
            },
        )

    def take(self, units: NDArray[np.int64]) -> Order:
        """Return the order that holds these units, one after the other; one may come twice."""
        counts = (self.first[1:] - self.first[:-1])[units]
        first = np.concatenate(([0], np.cumsum(counts)))
        segments = np.arange(first[-1]) + np.repeat(self.first[:-1][units] - first[:-1], counts)
        return replace(
            self,
            starts=self.starts[segments],
            lengths=self.lengths[segments],
            first=first,
            columns={name: column[units] for name, column in self.columns.items()},
        )
