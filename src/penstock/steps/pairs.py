"""The step `pairs`: two fields of a row and its label become a pair."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from penstock.batches import RowBatch, RowStats, TokenBatch
from penstock.fields import MISSING, find, kind_of
from penstock.steps._base import CountedStep, Stage
from penstock.steps._dropping import refuse_dropped
from penstock.steps._fields import UnusableError, problem_with

#: The fields that the step gives a row; other steps on pairs look for them.
SIDES = ("source", "target")
LABEL = "label"


class Pairs(CountedStep):
    """Make a pair of each row: its sides under `source` and `target`, what it says under `label`.

    White space at the ends of the sides is taken off. The label becomes 1 or 0, from 1, 0, true,
    false, "1" or "0".
    """

    takes = Stage.ROWS
    gives = Stage.ROWS
    called = "pairs"

    source: str = Field("source", min_length=1, description="The field of the first side.")
    target: str = Field("target", min_length=1, description="The field of the second side.")
    label: str | None = Field(
        None,
        min_length=1,
        description="The field that says whether the sides mean the same, by 1 or 0; null: there "
        "is none.",
    )
    metadata: list[str] | None = Field(
        None, description="The other fields of the row that are kept; null: all."
    )
    empty: Literal["error", "drop"] = Field(
        "error", description="A side without text: a bad row, or left out, counted and named."
    )
    min_characters: int = Field(
        0, ge=0, description="The least length of either side in Unicode characters."
    )
    max_dropped: float = Field(
        0.5, ge=0, le=1, description="The largest share of pairs that may be dropped."
    )

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        taken = {*SIDES, LABEL} & set(self.metadata or ())
        if taken:
            raise ValueError(f"metadata cannot be named '{min(taken)}': that is of the pair itself")
        if len({self.source, self.target, self.label}) < 3:
            raise ValueError("`source`, `target` and `label` must be three fields")
        return self

    def apply(self, batch: RowBatch | TokenBatch, stats: RowStats) -> RowBatch:
        """Return the pairs; what is none is a bad row."""
        assert isinstance(batch, RowBatch)
        kept, pairs = [], []
        for index, row in enumerate(batch.rows):
            try:
                pair = self._pair(row)
            except UnusableError as error:
                stats.bad(batch.numbers[index], str(error))
                continue
            if isinstance(pair, str):
                stats.count(f"{self.counter}.{pair}")
                if pair == "empty":
                    stats.leave_out(batch.numbers[index], "a side of the pair is empty")
            else:
                kept.append(index)
                pairs.append(pair)
        stats.count(f"{self.counter}.kept", len(kept))
        taken = batch.take(kept)
        taken.rows = pairs
        return taken

    def drops(self) -> Sequence[str]:
        """Return why rows are dropped."""
        return ("empty", "too_short")

    def judge(self, counts: Counter[str]) -> None:
        """Raise DataError when more than `max_dropped` of all pairs were dropped."""
        refuse_dropped(counts, self.drops(), self.counter, self.max_dropped, "pair")

    def _pair(self, row: dict[str, Any]) -> dict[str, Any] | str:
        """Return the pair, or why it is dropped; raises UnusableError."""
        sides = [self._side(row, name) for name in (self.source, self.target)]
        if not all(sides):
            return "empty"
        if min(map(len, sides)) < self.min_characters:
            return "too_short"
        pair: dict[str, Any] = dict(zip(SIDES, sides, strict=True))
        if self.label is not None:
            pair[LABEL] = _label(find(row, self.label), self.label)
        return pair | self._metadata(row)

    def _side(self, row: dict[str, Any], name: str) -> str:
        value = find(row, name)
        if value is MISSING:
            raise UnusableError(f"the field '{name}' is absent; `pairs` needs it as a side")
        if not isinstance(value, str | None):
            raise UnusableError(f"the field '{name}' is {kind_of(value)}, must be text")
        side = (value or "").strip()
        if not side and self.empty == "error":
            raise UnusableError(
                f"the field '{name}' is empty; mend the row, or leave such rows out with "
                "`empty: drop`"
            )
        return side

    def _metadata(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return what is kept beside the pair."""
        if self.metadata is None:
            used = (self.source, self.target, self.label)
            kept = {name: value for name, value in row.items() if name not in used}
            for name in (*SIDES, LABEL):
                if name in kept:
                    raise UnusableError(
                        f"has a field '{name}' beside those of the pair; list under `metadata` "
                        "what to keep"
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
        f"the field '{name}' is {kind_of(value)} other than 0 and 1; name another field as "
        "`label`, or mend the row"
    )


STEP = Pairs
