"""The step `contradicted`: drop positive pairs that also occur with label 0."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from penstock.batches import RowBatch, RowStats
from penstock.errors import ConfigError
from penstock.steps._base import Capabilities, MeasuringStep, StepPosition, check_dropped
from penstock.steps._fields import SIDES, encoded, hashes, map_rows, text_of
from penstock.steps._order import Order, OrderContext
from penstock.text import NORMALISE_ALSO, Normalise, normalised

#: Under this name `positives` keeps the hashes of the pairs with label 0.
NEGATIVES = "negatives"


class Contradicted(MeasuringStep):
    """Drop the pairs that occur with label 0 elsewhere, in either direction, in any source.

    Needs `positives` before it. Pairs are compared by a 64-bit hash (BLAKE2b) of their normalised
    sides.
    """

    capabilities = Capabilities(across_splits=True)

    normalise: Normalise = Field("nfkc_casefold", description=NORMALISE_ALSO)
    max_dropped: float = Field(
        0.05, ge=0, le=1, description="The largest share of pairs that may have both labels."
    )

    def verify(self, position: StepPosition) -> None:
        if not any(step.capabilities.keeps_aside == NEGATIVES for step in position.before):
            raise ConfigError("needs the step `positives` before it")
        # `positives` hashes the pairs with label 0 as one step normalises them.
        if any(isinstance(step, Contradicted) for step in position.before):
            raise ConfigError("an earlier step drops such pairs already; keep one `contradicted`")

    def measure(self, batch: RowBatch, stats: RowStats) -> tuple[RowBatch, NDArray[Any]]:
        """Return the hash (uint64) of each pair, the same in both directions."""
        batch, contents = map_rows(batch, stats, self._content, "`contradicted` needs it")
        return batch, hashes(contents)[:, 0]

    def reorder(self, order: Order, context: OrderContext) -> Order:
        pairs = context.values
        negatives = context.aside.get(NEGATIVES, np.empty(0, np.uint64))
        contradicted = np.isin(pairs, negatives)
        both = int(contradicted.sum() + np.isin(negatives, pairs).sum())
        context.report.note("distinct_pairs", len(np.unique(pairs[contradicted])))
        check_dropped(
            both, len(order) + len(negatives), self.max_dropped, unit="pair", why="have both labels"
        )
        return context.keep(order, ~contradicted, "contradicted")

    def _content(self, row: dict[str, Any]) -> bytes:
        return encoded(
            "\0".join(sorted(normalised(text_of(row, s), self.normalise) for s in SIDES))
        )


STEP = Contradicted
