"""The step `pack`: sequences of many lengths laid into rows of one, with hardly a gap."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from penstock.errors import ConfigError
from penstock.files import plural
from penstock.steps._base import Arranging, Stage, Step
from penstock.steps._order import Order

#: The column that holds where a unit stood before units were sorted by their source.
_PLACE = "place"


class Pack(Step):
    """Lay the sequences of documents into rows of at most `context` tokens.

    Each sequence stays whole and is a segment of its row (`concatenate` cuts where a row is full).
    Within a row segments stand in the order of the documents. Documents without a token are left
    out, and counted.
    """

    takes = Stage.ORDER
    gives = Stage.ORDER
    needs_tokens = True

    context: int = Field(gt=0, description="The length of a row in tokens.")
    method: Literal["best_fit", "first_fit", "concatenate", "none"] = Field(
        "best_fit",
        description="best_fit: the longest first, each into the fullest row that takes it; "
        "first_fit: in order, each into the first row that takes it; concatenate: one after the "
        "other, cut where a row is full; none: one sequence a row.",
    )
    window: int | None = Field(
        None,
        gt=0,
        description="How many documents are seen at once. Default: all, which costs about 100 "
        "bytes of memory a document and leaves least padding (of ordinary text 0.004 %, in windows "
        "of 1,000 documents 0.4 %); a row never holds documents of two windows.",
    )
    shuffle: bool = Field(
        True,
        description="Put the rows into a seeded random order; otherwise they come in the order of "
        "their first documents.",
    )
    across_sources: bool = Field(
        False,
        description="Let a row hold documents of several sources; `mix` can then only come before.",
    )

    @model_validator(mode="after")
    def _window_has_a_meaning(self) -> Pack:
        if self.window is not None and self.method in ("concatenate", "none"):
            raise ValueError(f"`window` has no meaning with `method: {self.method}`; remove it")
        return self

    def arrange(self, order: Order, arranging: Arranging) -> Order:
        """Return the order whose units are packed rows.

        Raises ConfigError for sequences longer than the context, unless they are concatenated.
        """
        from penstock.kernels.packing import group_by_row
        from penstock.kernels.shuffling import permutation

        self._refuse_long(order)
        arranging.counts["pack.empty"] += int((order.unit_lengths() == 0).sum())
        order, bounds = self._windows(_without_empty(order))
        starts, lengths, segment_of, row_of = self._pieces(order, bounds)
        first, pieces = group_by_row(row_of)
        first_pieces = pieces[first[:-1]]
        unit_of = np.repeat(np.arange(len(order)), np.diff(order.first))
        units = unit_of[segment_of[first_pieces]]
        columns = {name: column[units] for name, column in order.columns.items()}
        place = columns.pop(_PLACE)
        rows = len(units)
        arranging.counts["pack.rows"] += rows
        arranging.counts["pack.cut"] += len(pieces) - len(order.lengths)
        packed = Order(starts[pieces], lengths[pieces], first, columns, self.context, order.pad_id)
        if self.shuffle:
            return packed.take(permutation(rows, arranging.seed, arranging.split, "pack"))
        return packed.take(np.lexsort((first_pieces, place)))

    def _refuse_long(self, order: Order) -> None:
        too_long = int((order.lengths > self.context).sum())
        if too_long and self.method != "concatenate":
            raise ConfigError(
                f"{plural(too_long, 'sequence')} of {len(order.lengths):,} exceed the context of "
                f"{self.context:,} tokens (the longest has {order.lengths.max():,}); put "
                f"`split: {{context: {self.context}}}` before `pack`",
                field="pack",
            )

    def _windows(self, order: Order) -> tuple[Order, NDArray[np.int64]]:
        """Return the units, source by source, and the segment at which each window begins.

        The last bound is the end. Units know their split, their source and their place before.
        """
        columns: dict[str, NDArray[Any]] = {_PLACE: np.arange(len(order))}
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
        """Return the address, the length, the segment and the row of each piece of a segment."""
        from penstock.kernels import packing as _packing

        segments = np.arange(len(order.lengths))
        match self.method:
            case "best_fit":
                row_of = _packing.best_fit(order.lengths, bounds, self.context)
            case "first_fit":
                row_of = _packing.first_fit(order.lengths, bounds, self.context)
            case "none":
                row_of = segments.astype(np.int32)
            case "concatenate":
                segments, offsets, lengths, row_of = _packing.concatenate(
                    order.lengths, bounds, self.context
                )
                return order.starts[segments] + offsets, lengths, segments, row_of
        return order.starts, order.lengths, segments, row_of


def _without_empty(order: Order) -> Order:
    """Return the order without the segments that have no token."""
    full = order.lengths > 0
    if full.all():
        return order
    first = np.concatenate(([0], np.cumsum(full)))[order.first]
    return replace(order, starts=order.starts[full], lengths=order.lengths[full], first=first)


STEP = Pack
