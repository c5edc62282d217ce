"""The step `deduplicate`: of rows that say the same, the first is kept."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from hashlib import blake2b
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from penstock.batches import RowBatch, Tally, TokenBatch
from penstock.errors import DataError
from penstock.fields import find, kind_of
from penstock.steps._base import Arranging, Stage, Step
from penstock.steps._fields import canonical, problem_with
from penstock.steps._order import Order

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

    on: str | list[str] = Field(
        "text", min_length=1, description="The field, or the fields, that are compared."
    )
    normalise: Literal["none", "whitespace", "nfkc_casefold"] = Field(
        "none",
        description="What is done to text before it is compared. none: nothing; whitespace: each "
        "run of Unicode white space becomes one space, and none is left at the ends; "
        "nfkc_casefold: Unicode NFKC, case folding, NFKC again, then as whitespace.",
    )
    max_dropped: float = Field(
        0.5, ge=0, le=1, description="The largest share of rows that may be dropped."
    )

    @field_validator("on")
    @classmethod
    def _names_each_field_once(cls, on: str | list[str]) -> str | list[str]:
        if not isinstance(on, str) and (len(set(on)) < len(on) or "" in on):
            raise ValueError("must name each field once, and none without a name")
        return on

    def apply(self, batch: RowBatch | TokenBatch, tally: Tally) -> RowBatch:
        """Return the rows with their hashes (two uint64 each) as a column."""
        assert isinstance(batch, RowBatch)
        digests, kept = [], []
        for index, row in enumerate(batch.rows):
            content = self._content(row)
            if isinstance(content, bytes):
                digests.append(blake2b(content, digest_size=16).digest())
                kept.append(index)
            else:
                tally.bad(batch.numbers[index], f"{content}; `deduplicate` compares it")
        if len(kept) < len(batch):
            batch = batch.take(kept)
        # A second step of this kind gets a second column; `arrange` takes them in the same order.
        name = f"{_COLUMN}_{len(_columns(batch.columns))}"
        hashes = np.frombuffer(b"".join(digests), "<u8").reshape(-1, 2)
        return replace(batch, columns={**batch.columns, name: hashes})

    def arrange(self, order: Order, arranging: Arranging) -> Order:
        """Return the order without the repeated units, and without the column of hashes.

        Raises DataError when more than `max_dropped` of all are repeated.
        """
        name = _columns(order.columns)[0]
        others = {key: column for key, column in order.columns.items() if key != name}
        first = _first_of_each(order.columns[name])
        dropped = len(order) - len(first)
        arranging.counts["deduplicate.dropped"] += dropped
        if dropped > self.max_dropped * len(order):
            on = self.on if isinstance(self.on, str) else ", ".join(self.on)
            raise DataError(
                f"{dropped:,} of {len(order):,} rows ({dropped / len(order):.1%}) repeat an "
                f"earlier one in {on}, more than max_dropped ({self.max_dropped:.1%}); look at the "
                "input, or raise `max_dropped`",
                file="deduplicate",
            )
        order = replace(order, columns=others)
        return order.take(first) if dropped else order

    def _content(self, row: dict[str, Any]) -> bytes | str:
        """Return what is hashed, or what is wrong with the row."""
        parts = []
        for name in [self.on] if isinstance(self.on, str) else self.on:
            value = find(row, name)
            if problem := problem_with(value, name):
                return problem
            try:
                part = canonical(self._normalised(value) if isinstance(value, str) else value)
            except TypeError:
                return f"the field '{name}' is {kind_of(value)}"
            parts.append(len(part).to_bytes(8, "little") + part)
        return b"".join(parts)

    def _normalised(self, text: str) -> str:
        if self.normalise == "none":
            return text
        if self.normalise == "nfkc_casefold":
            # Case folding can undo the normal form: it is made once more.
            text = unicodedata.normalize("NFKC", text).casefold()
            text = unicodedata.normalize("NFKC", text)
        return " ".join(text.split())


def _columns(columns: dict[str, NDArray[Any]]) -> list[str]:
    """Return the names of the columns of hashes, the first step's first."""
    return sorted(
        (name for name in columns if name.startswith(f"{_COLUMN}_")),
        key=lambda name: int(name.removeprefix(f"{_COLUMN}_")),
    )


def _first_of_each(hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return the index of the first row of each value, rising."""
    order = np.lexsort((hashes[:, 1], hashes[:, 0]))
    ordered = hashes[order]
    is_new = np.ones(len(hashes), np.bool_)
    is_new[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    return np.sort(order[is_new])


STEP = Deduplicate
