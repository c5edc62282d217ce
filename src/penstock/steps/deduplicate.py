"""The step `deduplicate`: of rows that say the same, the first is kept."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from penstock.batches import RowBatch, RowStats, TokenBatch
from penstock.errors import DataError
from penstock.fields import find, kind_of
from penstock.steps._base import Arranging, Stage, Step
from penstock.steps._columns import hashes, take_column, with_column
from penstock.steps._fields import (
    FieldNames,
    UnusableError,
    canonical,
    made_of_rows,
    problem_with,
)
from penstock.steps._order import Order
from penstock.text import NORMALISE, Normalise, normalised

_COLUMN = "duplicate"


class Deduplicate(Step):
    """Keep the first of rows that are equal in the fields `on`, over all splits and sources.

    Rows are compared by a hash of 128 bits (BLAKE2b) of the normalised fields. A row that another
    step drops, before or after, is not compared.

    17 and 17.0 are equal; a number and the text that writes it are not, for a text is compared as
    text. NaN is null.
    """

    takes = Stage.ROWS
    gives = Stage.ROWS
    across_splits = True

    on: str | FieldNames = Field(
        "text", min_length=1, description="The field, or the fields, that are compared."
    )
    unordered: bool = Field(
        False, description="Compare the fields whichever way round: (a, b) is (b, a)."
    )
    normalise: Normalise = Field("none", description=NORMALISE)
    max_dropped: float = Field(
        0.5, ge=0, le=1, description="The largest share of rows that may be dropped."
    )

    @model_validator(mode="after")
    def _has_an_order_to_forget(self) -> Deduplicate:
        if self.unordered and len(self._fields) < 2:
            raise ValueError("`unordered` needs two fields or more under `on`")
        return self

    def apply(self, batch: RowBatch | TokenBatch, stats: RowStats) -> RowBatch:
        """Return the rows with their hashes (two uint64 each) as a column."""
        assert isinstance(batch, RowBatch)
        batch, contents = made_of_rows(batch, stats, self._content, "`deduplicate` needs it")
        return with_column(batch, _COLUMN, hashes(contents, bits=128))

    def arrange(self, order: Order, arranging: Arranging) -> Order:
        """Return the order without the repeated units, and without the column of hashes.

        Raises DataError when more than `max_dropped` of all are repeated.
        """
        digests, order = take_column(order, _COLUMN)
        first = _first_of_each(digests)
        dropped = len(order) - len(first)
        arranging.counts["deduplicate.dropped"] += dropped
        if dropped > self.max_dropped * len(order):
            raise DataError(
                f"{dropped:,} of {len(order):,} rows ({dropped / len(order):.1%}) repeat an "
                f"earlier one in {', '.join(self._fields)}, more than max_dropped "
                f"({self.max_dropped:.1%}); look at the input, or raise `max_dropped`",
                file="deduplicate",
            )
        return order.take(first) if dropped else order

    def drops(self) -> Sequence[str]:
        """Return why rows are dropped."""
        return ("dropped",)

    @cached_property
    def _fields(self) -> list[str]:
        return [self.on] if isinstance(self.on, str) else self.on

    def _content(self, row: dict[str, Any]) -> bytes:
        """Return what is hashed; raises UnusableError."""
        parts = []
        for name in self._fields:
            value = find(row, name)
            if isinstance(value, str):
                value = normalised(value, self.normalise)
            elif problem := problem_with(value, name):
                raise UnusableError(problem)
            try:
                part = canonical(value)
            except TypeError:
                raise UnusableError(f"the field '{name}' is {kind_of(value)}") from None
            parts.append(len(part).to_bytes(8, "little") + part)
        return b"".join(sorted(parts) if self.unordered else parts)


def _first_of_each(hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return the index of the first row of each value, rising."""
    order = np.lexsort((hashes[:, 1], hashes[:, 0]))
    ordered = hashes[order]
    is_new = np.ones(len(hashes), np.bool_)
    is_new[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    return np.sort(order[is_new])


STEP = Deduplicate
