"""The step `keep`: chosen fields of a row, and no others."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from penstock.batches import RowBatch, RowStats, TokenBatch
from penstock.steps._base import Stage, Step
from penstock.steps._fields import FieldNames, field_of, made_of_rows


class Keep(Step):
    """Keep some fields of each row; what other steps needed beside them is left behind."""

    takes = Stage.ROWS
    gives = Stage.ROWS

    fields: FieldNames = Field(description="The fields that stay, in their order: [messages].")

    def apply(self, batch: RowBatch | TokenBatch, stats: RowStats) -> RowBatch:
        """Return the rows of these fields; a row that lacks one is a bad row."""
        assert isinstance(batch, RowBatch)
        batch, rows = made_of_rows(batch, stats, self._row, "`keep` needs it")
        return RowBatch(rows, batch.numbers, batch.columns)

    def _row(self, row: dict[str, Any]) -> dict[str, Any]:
        return {name: field_of(row, name) for name in self.fields}


STEP = Keep
