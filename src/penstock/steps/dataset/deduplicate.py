"""The step `deduplicate`: keep the first of equal rows."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from penstock.batches import RowBatch, RowStats
from penstock.fields import find, kind_of
from penstock.steps._base import Capabilities, MeasuringStep, Threshold
from penstock.steps._fields import (
    FieldNames,
    UnusableError,
    canonical,
    hashes,
    map_rows,
    problem_with,
)
from penstock.steps._order import Order, OrderContext
from penstock.text import NORMALISE, Normalise, normalised


class Deduplicate(Threshold, MeasuringStep):
    """Keep the first of the rows that are equal in the fields `on`, over all splits and sources.

    Rows are compared by a 128-bit hash (BLAKE2b) of the normalised fields.

    17 and 17.0 are equal; a number and its text are not, because texts are compared as texts. NaN
    is null.
    """

    capabilities = Capabilities(across_splits=True)

    on: str | FieldNames = Field(
        "text", min_length=1, description="The field or fields to compare."
    )
    unordered: bool = Field(
        False, description="Compare the fields in any order: (a, b) equals (b, a)."
    )
    normalise: Normalise = Field("none", description=NORMALISE)

    @model_validator(mode="after")
    def _has_fields_to_swap(self) -> Self:
        if self.unordered and len(self._fields) < 2:
            raise ValueError("`unordered` needs two fields or more under `on`")
        return self

    def measure(self, batch: RowBatch, stats: RowStats) -> tuple[RowBatch, NDArray[Any]]:
        """Return the hash of each row, (rows, 2) in uint64."""
        batch, contents = map_rows(batch, stats, self._content, "`deduplicate` needs it")
        return batch, hashes(contents, bits=128)

    def reorder(self, order: Order, context: OrderContext) -> Order:
        values = context.values
        by_hash = np.lexsort((values[:, 1], values[:, 0]))  # stable: the first of each stays first
        ordered = values[by_hash]
        is_new = np.ones(len(values), np.bool_)
        is_new[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
        kept = np.zeros(len(values), np.bool_)
        kept[by_hash[is_new]] = True
        return context.keep(order, kept, "repeated")

    @cached_property
    def _fields(self) -> list[str]:
        return [self.on] if isinstance(self.on, str) else self.on

    def _content(self, row: dict[str, Any]) -> bytes:
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


STEP = Deduplicate
