"""The step `statistics`: how long the fields of rows are, and how far apart two of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from penstock.batches import RowBatch, Tally, TokenBatch
from penstock.errors import ConfigError
from penstock.steps._base import Arranging, Stage, Step
from penstock.steps._columns import take_column, with_column
from penstock.steps._edits import EditShare, edit_share, words_of
from penstock.steps._fields import FieldNames, made_of_rows, text_of
from penstock.steps._order import Order
from penstock.steps.pairs import SIDES

_COLUMN = "statistics"
#: An edit distance of 1, as it stands in a column of integers.
_WHOLE = 10_000
#: The bins of edit distances: so many, from 0 to 1.
_EDIT_BINS = 20
#: Lengths below have a bin each; from there on each doubling has half as many.
_SINGLE = 16


class Statistics(Step):
    """Measure the rows that are left, split by split and source by source, for the manifest.

    Of each field the length in Unicode characters and in words, which stand between white space; of
    two fields the edit distance between them as well, over words and case apart, as a share of the
    longer. Each has its mean, median, 95th percentile, maximum and histogram.

    The bins of lengths are one wide up to 16, then there are eight to each doubling; those of edit
    distances are 0.05 wide, and 1 is in the last. A bin is called by its lower edge.
    """

    takes = Stage.ROWS
    gives = Stage.ROWS

    fields: FieldNames = Field(
        list(SIDES),
        description="The fields that are measured; of two the edit distance between them as well.",
    )

    def verify(self, before: Sequence[Step], source_names: Sequence[str]) -> None:
        """Refuse a second step of the kind: a dataset has one table."""
        if any(isinstance(step, Statistics) for step in before):
            raise ConfigError("the rows are measured already; keep one `statistics`")

    def apply(self, batch: RowBatch | TokenBatch, tally: Tally) -> RowBatch:
        """Return the rows with a column of what is measured, (rows, measures) in uint16 or more."""
        assert isinstance(batch, RowBatch)
        batch, found = made_of_rows(batch, tally, self._measured, "statistics")
        values = np.array(found, np.int64).reshape(len(batch), len(self._names))
        return with_column(batch, _COLUMN, values.astype(_smallest(values)))

    def arrange(self, order: Order, arranging: Arranging) -> Order:
        """Return the order without the column; `statistics` takes what it says."""
        values, order = take_column(order, _COLUMN)
        groups = arranging.statistics.setdefault("groups", [])
        arranging.statistics["fields"] = self.fields
        for source, rows in _groups(order, arranging.source_names):
            measures = {
                name: _described(values[rows, number], edit=name == EDIT)
                for number, name in enumerate(self._names)
            }
            found = {"split": arranging.split, "source": source}
            groups.append({**found, "rows": len(values[rows]), "measures": measures})
        return order
