"""The step `positives`: pairs that mean the same, and of which nothing says that they do not."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from penstock.batches import RowBatch, Tally, TokenBatch
from penstock.errors import DataError
from penstock.fields import MISSING
from penstock.steps._base import Arranging, Stage, Step
from penstock.steps._columns import hashes, take_column, with_column
from penstock.steps._fields import UnusableError, made_of_rows, problem_with, text_of
from penstock.steps._normalising import NORMALISE_ALSO, Normalise, normalised
from penstock.steps._order import Order
from penstock.steps.pairs import LABEL, SIDES

_COLUMN = "positive"


class Positives(Step):
    """Keep the pairs whose `label` is 1, as a rule without those with label 0 elsewhere.

    A pair is the same whichever way round. Pairs are compared over all splits and sources, by a
    hash of 63 bits (BLAKE2b) of their normalised sides.
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

    def apply(self, batch: RowBatch | TokenBatch, tally: Tally) -> RowBatch:
        """Return the rows with a column (uint64): the pair's hash, its lowest bit the label."""
        assert isinstance(batch, RowBatch)
        batch, made = made_of_rows(batch, tally, self._content, "positives")
        labels = np.array([label for _, label in made], np.uint64)
        digests = hashes(content for content, _ in made)[:, 0]
        return with_column(batch, _COLUMN, digests & ~np.uint64(1) | labels)

    def arrange(self, order: Order, arranging: Arranging) -> Order:
        """Return the order of the pairs that are kept.

        Raises DataError when more than `max_contradicted` of all pairs have both labels.
        """
        keys, order = take_column(order, _COLUMN)
        pairs = _with_both_labels(keys)
        if self.contradicted == "keep":
            pairs = pairs[:0]
        contradicted = np.isin(keys >> np.uint64(1), pairs)
        positive = (keys & 1).astype(np.bool_)
        kept = np.flatnonzero(positive & ~contradicted)
        count = int(contradicted.sum())
        arranging.counts["positives.contradicted_pairs"] += len(pairs)
        arranging.counts["positives.contradicted"] += count
        arranging.counts["positives.negatives"] += int((~positive & ~contradicted).sum())
        arranging.counts["positives.kept"] += len(kept)
        if count > self.max_contradicted * len(order):
            raise DataError(
                f"{count:,} of {len(order):,} pairs ({count / len(order):.1%}) stand with both "
                f"labels, more than max_contradicted ({self.max_contradicted:.1%}); look at the "
                "input, or raise `max_contradicted`",
                file="positives",
            )
        return order.take(kept)

    def _content(self, row: dict[str, Any]) -> tuple[bytes, int]:
        label = row.get(LABEL, MISSING)
        if label not in (0, 1):
            problem = problem_with(label, LABEL) or f"the field '{LABEL}' is neither 0 nor 1"
            raise UnusableError(f"{problem}; name it as `label` of `pairs`")
        sides = sorted(normalised(text_of(row, side), self.normalise) for side in SIDES)
        return "\0".join(sides).encode("utf-8", "surrogatepass"), int(label)


def _with_both_labels(keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the pairs that stand with both labels."""
    pairs = np.unique(keys) >> np.uint64(1)
    both: NDArray[np.uint64] = pairs[1:][pairs[1:] == pairs[:-1]]
    return both


STEP = Positives
