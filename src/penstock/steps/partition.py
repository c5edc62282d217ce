"""The step `partition`: train, validation and test, so that no key stands in two of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b
from typing import Any

import numpy as np
from pydantic import Field, model_validator

from penstock.batches import RowBatch, RowStats, TokenBatch
from penstock.errors import DataError
from penstock.fields import find, kind_of
from penstock.splits import SPLIT_NAMES
from penstock.steps._base import Stage, Step, refuse_second_division
from penstock.steps._fields import UnusableError, canonical, made_of_rows, number_of, problem_with


class Partition(Step):
    """Decide the split of each row by a keyed hash (BLAKE2b) of one of its fields.

    Rows with the same value always fall to the same split, whatever else is in the dataset, and so
    do they in every recipe with the same `salt` and shares. The shares are of keys, not of rows.

    A number and the text that writes it are one key: 17, 17.0, "17" and "17.0", which one format
    or another makes of the same number. "017" is a key of its own. NaN is null.
    """

    takes = Stage.ROWS
    gives = Stage.ROWS
    divides = True

    key: str = Field(
        min_length=1, description="The field whose values stay together: `patient`, `meta.id`."
    )
    validation: float = Field(0.0, ge=0, lt=1, description="The share of keys in validation.")
    test: float = Field(0.0, ge=0, lt=1, description="The share of keys in test.")
    salt: str = Field(
        "", max_length=64, description="Another text draws other keys. At most 64 bytes."
    )

    @model_validator(mode="after")
    def _leaves_something_on_each_side(self) -> Partition:
        if not 0 < self.validation + self.test < 1:
            raise ValueError(
                "`validation` and `test` together must be more than 0 and less than 1, so that "
                "something is left for train"
            )
        if len(self.salt.encode()) > 64:
            raise ValueError("`salt` must have at most 64 bytes")
        return self

    def verify(self, before: Sequence[Step], source_names: Sequence[str]) -> None:
        """Refuse a second partition."""
        refuse_second_division(before)

    def apply(self, batch: RowBatch | TokenBatch, stats: RowStats) -> RowBatch:
        """Return the rows with the column `split` (uint8, an index into SPLIT_NAMES)."""
        assert isinstance(batch, RowBatch)
        batch, codes = made_of_rows(batch, stats, self._code, "`partition` needs it as its key")
        for code, count in Counter(codes).items():
            stats.count(f"partition.{SPLIT_NAMES[code]}", count)
        return replace(batch, columns={**batch.columns, "split": np.array(codes, np.uint8)})

    def judge(self, counts: Counter[str]) -> None:
        """Raise DataError where a split that was asked for has no row."""
        rows = sum(counts[f"partition.{name}"] for name in SPLIT_NAMES)
        shares = (1 - self.validation - self.test, self.validation, self.test)
        for name, share in zip(SPLIT_NAMES, shares, strict=True):
            if rows and share and not counts[f"partition.{name}"]:
                raise DataError(
                    f"no row fell to {name} (a share of {share:g} of the values of '{self.key}' in "
                    f"{rows:,} rows); change its share or the `salt`",
                    file="partition",
                )

    def _code(self, row: dict[str, Any]) -> int:
        """Return the split of a row; raises UnusableError."""
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
