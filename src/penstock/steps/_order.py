"""The order of a dataset: which tokens go into which row, by address and length only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock.splits import SPLIT_NAMES
from penstock.step_report import StepReport


@dataclass(frozen=True)
class Order:
    """Units of segments: a unit is a document at first, a packed row after `pack`.

    `starts` (int64) is the address of each segment's first token in the store that holds all tokens
    of a build one after the other; `lengths` (int32) is in tokens. Unit u has the segments
    `first[u]` up to `first[u + 1]` (int64, one more than units). `columns` holds one value a unit.
    `context` is the number of tokens that no row exceeds; rows are padded to it with `pad_id`.
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
        """The number of tokens without padding."""
        return int(self.lengths.sum(dtype=np.int64))

    def unit_lengths(self) -> NDArray[np.int64]:
        """Return the number of tokens of each unit."""
        ends = np.concatenate(([0], np.cumsum(self.lengths, dtype=np.int64)))
        return ends[self.first[1:]] - ends[self.first[:-1]]

    def joined_to(self, other: Order) -> Order:
        """Return the units of this order followed by those of another."""
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
        """Return the order of these units; a unit may be repeated."""
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

    def one_row_per_unit(self) -> Order:
        """Return the order in which each segment is a unit with the columns of its old unit."""
        counts = np.diff(self.first)
        return replace(
            self,
            first=np.arange(len(self.lengths) + 1),
            columns={name: np.repeat(column, counts) for name, column in self.columns.items()},
        )

    def in_splits(self, names: Sequence[str] | None) -> NDArray[np.bool_]:
        """Return a mask of the units in these splits; all units are train before a division."""
        if names is None:
            return np.ones(len(self), np.bool_)
        split = self.columns.get("split", np.zeros(len(self), np.uint8))
        return np.isin(split, [SPLIT_NAMES.index(name) for name in names])


@dataclass
class OrderContext:
    """What a step on the order of a dataset is given, and the report that it fills in.

    `split` is the split that is reordered, None for all; `source_names` are the meanings of the
    column `source`; `pad_id` and `eod_id` are those of the tokenizer, None where it has none;
    `values` is the column that the step's own `measure` made; `aside` holds what steps on rows kept
    of dropped rows. `statistics` takes plain data for the manifest.
    """

    seed: int
    report: StepReport
    split: str | None = None
    source_names: Sequence[str] = ()
    pad_id: int | None = None
    eod_id: int | None = None
    values: NDArray[Any] = field(default_factory=lambda: np.empty(0))
    aside: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    statistics: dict[str, Any] = field(default_factory=dict)

    def keep(self, order: Order, kept: NDArray[np.bool_], reason: str = "dropped") -> Order:
        """Return the order of the units where `kept` is True; the others count as dropped."""
        dropped = len(order) - int(kept.sum())
        if not dropped:
            return order
        self.report.drop(reason, dropped)
        return order.take(np.flatnonzero(kept))
