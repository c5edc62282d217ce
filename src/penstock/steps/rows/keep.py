"""The step `keep`: store only some fields of each row."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from penstock.batches import RowBatch, RowStats
from penstock.steps._base import Capabilities, RowStep
from penstock.steps._fields import FieldNames, field_of, map_rows


class Keep(RowStep):
    """Store some fields of each row; steps on the whole dataset still read the others."""

    capabilities = Capabilities(stores=True)

    fields: FieldNames = Field(description="The fields to store, in this order: [messages].")

    def apply(self, batch: RowBatch, stats: RowStats) -> RowBatch:
        """Return the rows with only these fields; a row without one of them is bad."""
        batch, rows = map_rows(batch, stats, self._row, "`keep` needs it")
        return RowBatch(rows, batch.numbers, batch.columns)

    def _row(self, row: dict[str, Any]) -> dict[str, Any]:
        return {name: field_of(row, name) for name in self.fields}


STEP = Keep
