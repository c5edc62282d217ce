"""The step `pairs`: two fields of a row and its label become a pair."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from penstock.batches import RowBatch, RowStats
from penstock.fields import MISSING, find, kind_of
from penstock.steps._base import RowStep, SourceSelection, Threshold
from penstock.steps._fields import LABEL, SIDES, UnusableError, problem_with


class Pairs(SourceSelection, Threshold, RowStep):
    """Make a pair of each row: fields `source` and `target`, and `label` (1: same meaning).

    White space around the sides is removed. The label becomes 1 or 0, from 1, 0, true, false, "1"
    or "0".
    """

    unit: ClassVar[str] = "pair"

    source: str = Field("source", min_length=1, description="The field of the first side.")
    target: str = Field("target", min_length=1, description="The field of the second side.")
    label: str | None = Field(
        None,
        min_length=1,
        description="The field that is 1 or 0: the sides have the same meaning or not; null: none.",
    )
    metadata: list[str] | None = Field(None, description="Other fields to keep; null: all.")
    empty: Literal["error", "drop"] = Field(
        "error", description="A side without text is a bad row, or dropped and counted."
    )
    min_characters: int = Field(
        0, ge=0, description="The minimum length of both sides in Unicode characters."
    )

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        if taken := {*SIDES, LABEL} & set(self.metadata or ()):
            raise ValueError(f"metadata: '{min(taken)}' is a field of the pair itself")
        if len({self.source, self.target, self.label}) < 3:
            raise ValueError("`source`, `target` and `label` must be three different fields")
        return self

    def apply(self, batch: RowBatch, stats: RowStats) -> RowBatch:
        kept, pairs = [], []
        for index, row in enumerate(batch.rows):
            try:
                sides = [self._side(row, name) for name in (self.source, self.target)]
                if not all(sides):
                    stats.drop_row(batch.numbers[index], "empty", "a side of the pair is empty")
                elif min(map(len, sides)) < self.min_characters:
                    stats.drop("too_short")
                else:
                    pairs.append(self._pair(row, sides))
                    kept.append(index)
            except UnusableError as error:
                stats.bad(batch.numbers[index], str(error))
        taken = batch.take(kept)
        taken.rows = pairs
        return taken

    def _side(self, row: dict[str, Any], name: str) -> str:
        value = find(row, name)
        if value is MISSING:
            raise UnusableError(f"the field '{name}' is absent; `pairs` needs it as a side")
        if not isinstance(value, str | None):
            raise UnusableError(f"the field '{name}' is {kind_of(value)}, must be text")
        side = (value or "").strip()
        if not side and self.empty == "error":
            raise UnusableError(
                f"the field '{name}' is empty; fix the row, or drop such rows with `empty: drop`"
            )
        return side

    def _pair(self, row: dict[str, Any], sides: list[str]) -> dict[str, Any]:
        pair: dict[str, Any] = dict(zip(SIDES, sides, strict=True))
        if self.label is not None:
            pair[LABEL] = _label(find(row, self.label), self.label)
        return pair | self._metadata(row)

    def _metadata(self, row: dict[str, Any]) -> dict[str, Any]:
        if self.metadata is None:
            used = (self.source, self.target, self.label)
            kept = {name: value for name, value in row.items() if name not in used}
            for name in (*SIDES, LABEL):
                if name in kept:
                    raise UnusableError(
                        f"has another field '{name}' beside the pair; list the fields to keep "
                        "under `metadata`"
                    )
            return kept
        kept = {name: find(row, name) for name in self.metadata}
        for name, value in kept.items():
            if value is MISSING:
                raise UnusableError(f"the field '{name}' is absent; see `metadata` of `pairs`")
        return kept


def _label(value: object, name: str) -> int:
    if isinstance(value, str) and value in ("0", "1"):
        return int(value)
    if isinstance(value, int | float) and value in (0, 1):
        return int(value)
    if problem := problem_with(value, name):
        raise UnusableError(f"{problem}; `pairs` needs it as its `label`")
    raise UnusableError(
        f"the field '{name}' is {kind_of(value)}, must be 0 or 1; name another field as `label`, "
        "or fix the row"
    )


STEP = Pairs
