"""The step `positives`: pairs that mean the same, and of which nothing says that they do not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from pydantic import Field

from penstock.batches import RowBatch, RowStats, TokenBatch
from penstock.errors import DataError
from penstock.fields import MISSING
from penstock.steps._base import Arranging, Stage, Step
from penstock.steps._columns import hashes, take_column, with_column
from penstock.steps._fields import UnusableError, made_of_rows, problem_with, text_of
from penstock.steps._order import Order
from penstock.steps.pairs import LABEL, SIDES
from penstock.text import NORMALISE_ALSO, Normalise, normalised

_COLUMN = "positive"


class Positives(Step):
    """Keep the pairs whose `label` is 1, as a rule without those with label 0 elsewhere.

    A pair is the same whichever way round. Pairs are compared over all splits and sources, by a
    hash of 64 bits (BLAKE2b) of their normalised sides; those with label 0 leave at once, and their
    hashes alone are kept.
    """

    takes = Stage.ROWS
    gives = Stage.ROWS
    across_splits = True

    contradicted: Literal["drop", "keep"] = Field(
        "drop", description="Pairs with label 1 that stand with label 0 elsewhere."
    )
    normalise: Normalise = Field("nfkc_casefold", description=NORMALISE_ALSO)
    max_contradicted: float = Field(
        0.05, ge=0, le=1, description="The largest share of pairs that may have both labels."
    )

    def apply(self, batch: RowBatch | TokenBatch, stats: RowStats) -> RowBatch:
        """Return the positives with the hash of each pair as a column (uint64)."""
        assert isinstance(batch, RowBatch)
        batch, made = made_of_rows(batch, stats, self._label_and_content, "`positives` needs it")
        positive = np.array([label for label, _ in made], np.bool_)
        kept = batch.take(np.flatnonzero(positive).tolist())
        stats.count("positives.negatives", len(batch) - len(kept))
        if self.contradicted == "keep":
            return kept
        keys = hashes(content for _, content in made)[:, 0]
        stats.note(_COLUMN, keys[~positive])
        return with_column(kept, _COLUMN, keys[positive])

    def arrange(self, order: Order, arranging: Arranging) -> Order:
        """Return the order of the pairs that no other contradicts.

        Raises DataError when more than `max_contradicted` of all pairs have both labels.
        """
        if self.contradicted == "keep":
            return order
        keys, order = take_column(order, _COLUMN)
        negatives = arranging.notes.get(_COLUMN, np.empty(0, np.uint64))
        contradicted = np.isin(keys, negatives)
        both = int(contradicted.sum() + np.isin(negatives, keys).sum())
        rows = len(order) + len(negatives)
        arranging.counts["positives.contradicted"] += int(contradicted.sum())
        arranging.counts["positives.contradicted_pairs"] += len(np.unique(keys[contradicted]))
        if both > self.max_contradicted * rows:
            raise DataError(
                f"{both:,} of {rows:,} pairs ({both / rows:.1%}) stand with both labels, more than "
                f"max_contradicted ({self.max_contradicted:.1%}); look at the input, or raise "
                "`max_contradicted`",
                file="positives",
            )
        return order.take(np.flatnonzero(~contradicted)) if contradicted.any() else order

    def drops(self) -> Sequence[str]:
        """Return why rows are dropped."""
        return ("negatives",) if self.contradicted == "keep" else ("negatives", "contradicted")

    def drops_at_once(self) -> Sequence[str]:
        """Return what leaves row by row."""
        return ("negatives",)

    def _label_and_content(self, row: dict[str, Any]) -> tuple[bool, bytes]:
        """Return the label and what is hashed, which nothing is where no pairs are compared."""
        label = row.get(LABEL, MISSING)
        if label not in (0, 1):
            problem = problem_with(label, LABEL) or f"the field '{LABEL}' is neither 0 nor 1"
            raise UnusableError(f"{problem}; name it as `label` of `pairs`")
        if self.contradicted == "keep":
            return bool(label), b""
        sides = sorted(normalised(text_of(row, side), self.normalise) for side in SIDES)
        return bool(label), "\0".join(sides).encode("utf-8", "surrogatepass")


STEP = Positives
