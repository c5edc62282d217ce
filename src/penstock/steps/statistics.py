"""The step `statistics`: how long the fields of rows are, and how far apart two of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from penstock.batches import RowBatch, RowStats, TokenBatch
from penstock.errors import ConfigError
from penstock.steps._base import Arranging, Stage, Step
from penstock.steps._columns import take_column, with_column
from penstock.steps._edits import EditShare, edit_share, words_of
from penstock.steps._fields import FieldNames, made_of_rows, text_of
from penstock.steps._measuring import WHOLE, edits_described, lengths_described
from penstock.steps._order import Order
from penstock.steps.pairs import SIDES

_COLUMN = "statistics"
_EDIT = "edit"


class Statistics(Step):
    """Measure the rows that are left, by split and source; the manifest says what was found.

    Of each field the length in Unicode characters and in words, which stand between white space; of
    two fields the edit distance between them as well, as `filter_pairs` has it, over words. Rows
    that steps after this one make of others, as `chat` and `pack` do, are not seen.

    Each measure has its mean, median, 95th percentile, maximum and histogram. The bins of lengths
    are one wide up to 16, then there are eight to each doubling; those of edit distances are 0.05
    wide, and 1 is in the last. A bin is called by its lower edge.
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

    def apply(self, batch: RowBatch | TokenBatch, stats: RowStats) -> RowBatch:
        """Return the rows with a column of what is measured, (rows, measures) in uint16 or more."""
        assert isinstance(batch, RowBatch)
        batch, found = made_of_rows(batch, stats, self._texts, "`statistics` needs it")
        columns: list[Sequence[int]] = []
        words = []
        for texts in zip(*found, strict=True):
            words.append([words_of(text) for text in texts])
            columns += [[*map(len, texts)], [*map(len, words[-1])]]
        if len(words) == 2:
            columns.append([round(WHOLE * share) for share in map(self._edit_share, *words)])
        values = np.array(columns, np.int64).reshape(len(self._measures), len(batch)).T
        dtype = np.promote_types(np.uint16, np.min_scalar_type(values.max(initial=0)))
        return with_column(batch, _COLUMN, values.astype(dtype))

    def arrange(self, order: Order, arranging: Arranging) -> Order:
        """Return the order without the column; `statistics` takes what it comes to."""
        values, order = take_column(order, _COLUMN)
        groups = arranging.statistics.setdefault("groups", [])
        for source, units in _groups(order.columns["source"], arranging.source_names):
            found = values[units]
            groups.append(
                {
                    "split": arranging.split,
                    "source": source,
                    "rows": len(found),
                    "measures": {
                        name: (edits_described if name == _EDIT else lengths_described)(column)
                        for name, column in zip(self._measures, found.T, strict=True)
                    },
                }
            )
        return order

    @property
    def _measures(self) -> list[str]:
        """What the columns of the column are."""
        lengths = [f"{name}.{unit}" for name in self.fields for unit in ("characters", "words")]
        return [*lengths, _EDIT] if len(self.fields) == 2 else lengths

    @cached_property
    def _edit_share(self) -> EditShare:
        return edit_share()

    def _texts(self, row: dict[str, Any]) -> list[str]:
        """Return the fields of a row; raises UnusableError."""
        return [text_of(row, name) for name in self.fields]


def _groups(
    source: NDArray[np.uint8], names: Sequence[str]
) -> Iterator[tuple[str | None, NDArray[np.int64] | slice]]:
    """Yield the units of each source that has one; where several have, first all, under None."""
    codes = np.flatnonzero(np.bincount(source, minlength=len(names))).tolist()
    if len(codes) > 1:
        yield None, slice(None)
    for code in codes:
        yield names[code], np.flatnonzero(source == code)


STEP = Statistics
