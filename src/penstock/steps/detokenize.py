"""The step `detokenize`: text without the spaces and quotes that a tokeniser left in it."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator

from penstock.batches import RowBatch, RowStats, TokenBatch
from penstock.steps._base import Stage, StepOnSources
from penstock.steps._detokenizing import detokenized
from penstock.steps._fields import FieldNames, made_of_rows, text_of
from penstock.steps.pairs import SIDES


class Detokenize(StepOnSources):
    """Undo the spacing and the quotes of English text that was cut into tokens, as PAWS is.

    What cannot be told is left as it is; text that has been through it does not change again.
    """

    takes = Stage.ROWS
    gives = Stage.ROWS

    fields: FieldNames = Field(list(SIDES), description="The fields of text.")

    @field_validator("fields")
    @classmethod
    def _are_of_the_row(cls, fields: list[str]) -> list[str]:
        if dotted := next((name for name in fields if "." in name), None):
            raise ValueError(f"must name fields of the row itself, not '{dotted}'")
        return fields

    def apply(self, batch: RowBatch | TokenBatch, stats: RowStats) -> RowBatch:
        """Return the rows with these fields put together again."""
        assert isinstance(batch, RowBatch)
        batch, rows = made_of_rows(batch, stats, self._mended, "`detokenize` needs it")
        changed = sum(new != old for new, old in zip(rows, batch.rows, strict=True))
        stats.count("detokenize.changed", changed)
        stats.count("detokenize.unchanged", len(rows) - changed)
        return RowBatch(rows, batch.numbers, batch.columns)

    def _mended(self, row: dict[str, Any]) -> dict[str, Any]:
        return {**row, **{name: detokenized(text_of(row, name)) for name in self.fields}}


STEP = Detokenize
