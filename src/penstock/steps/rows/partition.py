"""The step `partition`: train, validation and test by a hash, no key in two of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from hashlib import blake2b
from typing import Any, Self

import numpy as np
from pydantic import Field, model_validator

from penstock.batches import RowBatch, RowStats
from penstock.errors import StepError
from penstock.fields import find, kind_of
from penstock.splits import SPLIT_NAMES
from penstock.step_report import StepReport
from penstock.steps._base import Capabilities, RowStep, StepPosition
from penstock.steps._fields import UnusableError, canonical, map_rows, number_of, problem_with


class Partition(RowStep):
    """Choose the split of each row by a keyed hash (BLAKE2b) of one of its fields.

    Rows with equal values are always in the same split, in every dataset and every recipe with the
    same `salt` and shares. The shares are of keys, not of rows.

    A number and its text are the same key: 17, 17.0, "17" and "17.0", because formats turn one into
    the other. "017" is another key. NaN is null.
    """

    capabilities = Capabilities(divides=True)

    key: str = Field(
        min_length=1, description="The field whose values stay together: `patient`, `meta.id`."
    )
    validation: float = Field(0.0, ge=0, lt=1, description="The share of keys in validation.")
    test: float = Field(0.0, ge=0, lt=1, description="The share of keys in test.")
    salt: str = Field("", max_length=64, description="Change it to draw other keys (64 bytes).")

    @model_validator(mode="after")
    def _leaves_something_on_each_side(self) -> Self:
        if not 0 < self.validation + self.test < 1:
            raise ValueError(
                "`validation` + `test` must be more than 0 and less than 1; the rest is train"
            )
        if len(self.salt.encode()) > 64:
            raise ValueError("`salt` must have at most 64 bytes")
        return self

    def verify(self, position: StepPosition) -> None:
        position.refuse_second_division()

    def apply(self, batch: RowBatch, stats: RowStats) -> RowBatch:
        """Return the rows with the column `split` (uint8, an index into SPLIT_NAMES)."""
        batch, codes = map_rows(batch, stats, self._code, "`partition` needs it as its key")
        for code, count in sorted(Counter(codes).items()):
            stats.note(SPLIT_NAMES[code], count)
        return replace(batch, columns={**batch.columns, "split": np.array(codes, np.uint8)})

    def check_report(self, report: StepReport) -> None:
        """Raise StepError if a split with a share has no row."""
        shares = (1 - self.validation - self.test, self.validation, self.test)
        for name, share in zip(SPLIT_NAMES, shares, strict=True):
            if report.kept and share and not report.noted.get(name):
                raise StepError(
                    f"no row is in {name} ({share:g} of the values of '{self.key}' in "
                    f"{report.kept:,} rows); change its share or the `salt`",
                    setting="key" if name == "train" else name,
                )

    def _code(self, row: dict[str, Any]) -> int:
        value = find(row, self.key)
        if problem := problem_with(value, self.key):
            raise UnusableError(problem)
        try:
            key = canonical(number_of(value))
        except TypeError:
            raise UnusableError(f"the field '{self.key}' is {kind_of(value)}") from None
        digest = blake2b(key, digest_size=8, key=self.salt.encode()).digest()
        drawn = int.from_bytes(digest, "little") / 2**64
        if drawn < self.validation:
            return 1
        return 2 if drawn < self.validation + self.test else 0


STEP = Partition
