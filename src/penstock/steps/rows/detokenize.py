"""The step `detokenize`: undo the spaces and quotes of tokenized English text."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator

from penstock.batches import RowBatch, RowStats
from penstock.steps._base import RowStep, SourceSelection
from penstock.steps._fields import SIDES, FieldNames, map_rows, text_of
from penstock.steps.rows._detokenizing import detokenized


class Detokenize(SourceSelection, RowStep):
    """Undo the spacing and quotes of tokenized English text, such as PAWS.

    Ambiguous cases stay unchanged; detokenized text does not change again.
    """

    fields: FieldNames = Field(list(SIDES), description="The text fields.")

    @field_validator("fields")
    @classmethod
    def _are_top_level(cls, fields: list[str]) -> list[str]:
        if dotted := next((name for name in fields if "." in name), None):
            raise ValueError(f"must name top-level fields, not '{dotted}'")
        return fields

    def apply(self, batch: RowBatch, stats: RowStats) -> RowBatch:
        """Return the rows with these fields detokenized."""
        batch, rows = map_rows(batch, stats, self._detokenize, "`detokenize` needs it")
        changed = sum(new != old for new, old in zip(rows, batch.rows, strict=True))
        stats.note("changed", changed)
        stats.note("unchanged", len(rows) - changed)
        return RowBatch(rows, batch.numbers, batch.columns)

    def _detokenize(self, row: dict[str, Any]) -> dict[str, Any]:
        return {**row, **{name: detokenized(text_of(row, name)) for name in self.fields}}


STEP = Detokenize
