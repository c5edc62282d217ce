"""The step `positives`: keep the pairs with label 1."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import PrivateAttr, model_validator

from penstock.batches import RowBatch, RowStats
from penstock.fields import MISSING
from penstock.steps._base import Capabilities, RowStep, StepPosition
from penstock.steps._fields import LABEL, UnusableError, map_rows, problem_with
from penstock.steps.dataset.contradicted import NEGATIVES, Contradicted


class Positives(RowStep):
    """Keep the pairs whose `label` is 1.

    Before a step `contradicted`, the hashes of the dropped pairs are kept for it.
    """

    capabilities = Capabilities(keeps_aside=NEGATIVES)

    _contradicted: Contradicted | None = PrivateAttr(None)

    @model_validator(mode="before")
    @classmethod
    def _settings_moved(cls, settings: Any) -> Any:
        moved = {"contradicted", "normalise", "max_contradicted"} & set(settings or ())
        if moved:
            raise ValueError(
                f"`{min(moved)}` has moved: add the step `contradicted` after the steps on rows, "
                "with `normalise` and `max_dropped`; without it such pairs are kept"
            )
        return settings

    def verify(self, position: StepPosition) -> None:
        steps = [step for step in position.after if isinstance(step, Contradicted)]
        self._contradicted = steps[0] if steps else None

    def apply(self, batch: RowBatch, stats: RowStats) -> RowBatch:
        batch, labels = map_rows(batch, stats, _label, "set it as `label` of `pairs`")
        positive = np.array(labels, np.bool_)
        negatives = batch.take(np.flatnonzero(~positive).tolist())
        if self._contradicted is not None:
            negatives, hashes = self._contradicted.measure(negatives, stats)
            stats.keep_aside(NEGATIVES, hashes)
        stats.drop("negatives", len(negatives))
        return batch.take(np.flatnonzero(positive).tolist())


def _label(row: dict[str, Any]) -> bool:
    label = row.get(LABEL, MISSING)
    if label in (0, 1):
        return bool(label)
    raise UnusableError(problem_with(label, LABEL) or f"the field '{LABEL}' is neither 0 nor 1")


STEP = Positives
