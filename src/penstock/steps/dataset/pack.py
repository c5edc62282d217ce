"""The step `pack`: sequences of different lengths in rows of one length, little padding."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from penstock.errors import StepError
from penstock.files import plural
from penstock.steps._base import Capabilities, DatasetStep
from penstock.steps._order import Order, OrderContext

#: The column with the index of each unit before units were sorted by source.
_INDEX = "place"


class Pack(DatasetStep):
    """Pack the sequences of documents into rows of at most `context` tokens.

    A sequence is not cut and is one segment of its row (`concatenate` cuts where a row is full).
    The segments of a row are in document order. Documents without tokens are dropped and counted.
    """

    capabilities = Capabilities(needs_tokens=True)

    context: int = Field(gt=0, description="The length of a row in tokens.")
    method: Literal["best_fit", "first_fit", "concatenate", "none"] = Field(
        "best_fit",
        description="best_fit: the longest first, each into the fullest row with enough space; "
        "first_fit: in order, each into the first row with enough space; concatenate: one after "
        "the other, cut where a row is full; none: one sequence per row.",
    )
    window: int | None = Field(
        None,
        gt=0,
        description="How many documents are packed together. Default: all, with about 100 bytes "
        "of memory per document and the least padding (0.004 % for typical text, 0.4 % in windows "
        "of 1,000 documents); a row never has documents of two windows.",
    )
    shuffle: bool = Field(
        True,
        description="Shuffle the rows with the seed; otherwise keep the order of their first "
        "documents.",
    )
    across_sources: bool = Field(
        False,
        description="Allow documents of several sources in one row; `mix` must then come before.",
    )

    @model_validator(mode="after")
    def _window_has_a_meaning(self) -> Pack:
        if self.window is not None and self.method in ("concatenate", "none"):
            raise ValueError(f"`window` is not used with `method: {self.method}`; remove it")
        return self

    def reorder(self, order: Order, context: OrderContext) -> Order:
        """Return the order whose units are packed rows.

        Raises StepError for sequences longer than the context, unless they are concatenated.
        """
        from penstock.kernels.ordering import permutation
        from penstock.kernels.packing import group_by_row

        too_long = int((order.lengths > self.context).sum())
        if too_long and self.method != "concatenate":
            raise StepError(
                f"{plural(too_long, 'sequence')} of {len(order.lengths):,} exceed the context of "
                f"{self.context:,} tokens (the longest has {order.lengths.max():,}); add `split` "
                f"with `context: {self.context}` before `pack`",
                setting="context",
            )
        # Noted, not dropped: what is kept from here on are rows, not documents.
        context.report.note("empty_documents", int((order.unit_lengths() == 0).sum()))
        order, bounds = self._windows(_without_empty(order))
        starts, lengths, segment_of, row_of = self._pieces(order, bounds)
        first, pieces = group_by_row(row_of)
        first_pieces = pieces[first[:-1]]
        unit_of = np.repeat(np.arange(len(order)), np.diff(order.first))
        units = unit_of[segment_of[first_pieces]]
        columns = {name: column[units] for name, column in order.columns.items()}
        index = columns.pop(_INDEX)
        rows = len(units)
        context.report.note("cuts", len(pieces) - len(order.lengths))
        packed = Order(starts[pieces], lengths[pieces], first, columns, self.context, order.pad_id)
        if self.shuffle:
            return packed.take(permutation(rows, context.seed, context.split, "pack"))
        return packed.take(np.lexsort((first_pieces, index)))

    def _windows(self, order: Order) -> tuple[Order, NDArray[np.int64]]:
        """Return the units sorted by source, and the first segment of each window, then the end.

        Units have the columns split, source and their index before the sort.
        """
        columns: dict[str, NDArray[Any]] = {_INDEX: np.arange(len(order))}
        if "split" in order.columns:
            columns["split"] = order.columns["split"]
        source = np.zeros(len(order), np.uint8)
        if "source" in order.columns and not self.across_sources:
            columns["source"] = source = order.columns["source"]
        order = replace(order, columns=columns)
        counts = np.bincount(source)
        if np.count_nonzero(counts) > 1:
            order = order.take(np.argsort(source, kind="stable"))
        cuts = [
            np.arange(end - count, end, self.window or max(count, 1))
            for end, count in zip(np.cumsum(counts), counts, strict=True)
        ]
        return order, order.first[np.concatenate([*cuts, [len(order)]])]

    def _pieces(
        self, order: Order, bounds: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int64], NDArray[np.int32]]:
        """Return address, length, segment and row of each piece of a segment."""
        from penstock.kernels import packing

        segments = np.arange(len(order.lengths))
        match self.method:
            case "best_fit":
                row_of = packing.best_fit(order.lengths, bounds, self.context)
            case "first_fit":
                row_of = packing.first_fit(order.lengths, bounds, self.context)
            case "none":
                row_of = segments.astype(np.int32)
            case "concatenate":
                segments, offsets, lengths, row_of = packing.concatenate(
                    order.lengths, bounds, self.context
                )
                return order.starts[segments] + offsets, lengths, segments, row_of
        return order.starts, order.lengths, segments, row_of


def _without_empty(order: Order) -> Order:
    full = order.lengths > 0
    if full.all():
        return order
    first = np.concatenate(([0], np.cumsum(full)))[order.first]
    return replace(order, starts=order.starts[full], lengths=order.lengths[full], first=first)


STEP = Pack
