"""The step `statistics`: lengths of row fields, and the edit distance of two."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from penstock.batches import RowBatch, RowStats
from penstock.errors import ConfigError
from penstock.histograms import EDIT_UNITS, summarize_edits, summarize_lengths
from penstock.splits import SPLIT_NAMES
from penstock.steps._base import Capabilities, MeasuringStep, StepPosition
from penstock.steps._fields import SIDES, FieldNames, map_rows, text_of
from penstock.steps._order import Order, OrderContext
from penstock.text import EditShare, edit_share, words_of

_EDIT = "edit"


class Statistics(MeasuringStep):
    """Measure the remaining rows by split and source; the results are in the manifest.

    Of each field: the length in Unicode characters and in words (separated by white space). Of two
    fields also their edit distance over words, as in `filter_pairs`. `chat` rows are measured as
    the pairs that they were made from; later steps (`pack`) are not seen.

    Each measure has its mean, median, 95th percentile, maximum and histogram. Bins of lengths are
    one wide up to 16, then each doubling has eight; bins of edit distances are 0.05 wide, and 1 is
    in the last one. The name of a bin is its lower edge.
    """

    capabilities = Capabilities(across_splits=True)

    fields: FieldNames = Field(
        list(SIDES),
        description="The fields to measure; with two fields their edit distance as well.",
    )

    def verify(self, position: StepPosition) -> None:
        if any(isinstance(step, Statistics) for step in position.before):
            raise ConfigError("an earlier step measures the rows already; keep one `statistics`")

    def measure(self, batch: RowBatch, stats: RowStats) -> tuple[RowBatch, NDArray[Any]]:
        """Return the measures of each row, (rows, measures) in uint16 or wider."""
        batch, found = map_rows(batch, stats, self._texts, "`statistics` needs it")
        columns: list[Sequence[int]] = []
        words = []
        for texts in zip(*found, strict=True):
            words.append([words_of(text) for text in texts])
            columns += [[*map(len, texts)], [*map(len, words[-1])]]
        if len(words) == 2:
            columns.append([round(EDIT_UNITS * share) for share in map(self._edit_share, *words)])
        values = np.array(columns, np.int64).reshape(len(self._measures), len(batch)).T
        dtype = np.promote_types(np.uint16, np.min_scalar_type(values.max(initial=0)))
        return batch, values.astype(dtype)

    def reorder(self, order: Order, context: OrderContext) -> Order:
        """Return the same order; `context.statistics` gets a group per split and source."""
        split = order.columns.get("split", np.zeros(len(order), np.uint8))
        source = order.columns["source"]
        groups = context.statistics.setdefault("groups", [])
        for code in np.unique(split).tolist():
            in_split = split == code
            found = np.unique(source[in_split]).tolist()
            if len(found) > 1:
                groups.append(self._group(code, None, context.values[in_split]))
            groups += [
                self._group(code, context.source_names[s], context.values[in_split & (source == s)])
                for s in found
            ]
        return order

    def _group(self, split: int, source: str | None, values: NDArray[Any]) -> dict[str, Any]:
        measures = {
            name: (summarize_edits if name == _EDIT else summarize_lengths)(column)
            for name, column in zip(self._measures, values.T, strict=True)
        }
        name = SPLIT_NAMES[split]
        return {"split": name, "source": source, "rows": len(values), "measures": measures}

    @property
    def _measures(self) -> list[str]:
        lengths = [f"{name}.{unit}" for name in self.fields for unit in ("characters", "words")]
        return [*lengths, _EDIT] if len(self.fields) == 2 else lengths

    @cached_property
    def _edit_share(self) -> EditShare:
        return edit_share()

    def _texts(self, row: dict[str, Any]) -> list[str]:
        return [text_of(row, name) for name in self.fields]


STEP = Statistics
