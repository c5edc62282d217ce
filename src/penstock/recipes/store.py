"""All tokens of a build: the partial outputs one after the other, as one address range."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock.formats import RowBlock, SplitShape
from penstock.recipes.partial import Partial, PartialReport
from penstock.steps import Order

#: About how many tokens are in memory at a time between partial outputs and a shard.
BLOCK_TOKENS = 1 << 20
#: Up to so many segments of a partial output that is not mapped are read, not mapped.
_FEW = 32


@dataclass(frozen=True)
class StoredPartial:
    """A complete partial output; `source` is the index of its source in the recipe."""

    partial: Partial
    report: PartialReport
    source: int


class Store:
    """The partial outputs of a build in the order of their input splits; few are open at a time."""

    def __init__(self, parts: Sequence[StoredPartial]) -> None:
        self.parts = [stored for stored in parts if stored.report.documents]
        self._empty = [stored for stored in parts if not stored.report.documents]
        self._mapped: dict[int, NDArray[Any]] = {}
        # Each mapping holds a file descriptor: keep at most a quarter of those of the process.
        allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        unlimited = allowed == resource.RLIM_INFINITY
        self._most_mapped = 1024 if unlimited else min(allowed // 4, 1024)
        tokens = [stored.report.tokens for stored in self.parts]
        #: The address of the first token of each partial output, and the end.
        self.bases = np.concatenate(([0], np.cumsum(tokens, dtype=np.int64)))
        kinds = {stored.report.dtype for stored in self.parts if stored.report.tokens}
        #: The dtype that fits the ids of all partial outputs.
        self.dtype = np.result_type(*kinds) if kinds else np.dtype(np.int32)

    def shape(self) -> SplitShape:
        """Return the size of the dataset in stored order."""
        reports = [stored.report for stored in self.parts]
        return SplitShape(
            rows=sum(report.documents for report in reports),
            segments=sum(report.sequences for report in reports),
            tokens=sum(report.tokens for report in reports),
        )

    def order(self) -> Order:
        """Return the documents in stored order, with their columns and their `source`."""
        arrays = [stored.partial.read_arrays() for stored in self.parts]
        none = np.empty(0, np.int32)
        lengths = np.concatenate([none, *(each.pop("lengths") for each in arrays)])
        sequences = np.concatenate([none, *(each.pop("sequences") for each in arrays)])
        ends = np.cumsum(lengths, dtype=np.int64)
        names = {name for each in arrays for name in each}
        columns = {name: np.concatenate([each[name] for each in arrays]) for name in names}
        counts = [stored.report.documents for stored in self.parts]
        sources = np.array([stored.source for stored in self.parts], np.uint8)
        columns["source"] = np.repeat(sources, counts)
        return Order(
            starts=ends - lengths,
            lengths=lengths,
            first=np.concatenate(([0], np.cumsum(sequences, dtype=np.int64))),
            columns=columns,
        )

    @cached_property
    def aside(self) -> dict[str, NDArray[Any]]:
        """The values that steps kept of dropped rows, by name."""
        found: dict[str, list[NDArray[Any]]] = {}
        for stored in (*self.parts, *self._empty):
            for name, values in stored.partial.read_aside().items():
                found.setdefault(name, []).append(values)
        return {name: np.concatenate(values) for name, values in found.items()}

    def has_grouped_rows(self, in_tokens: bool) -> bool:
        """Return True if documents are groups of several rows of text (of `chat`)."""
        shape = self.shape()
        return not in_tokens and shape.segments != shape.rows

    def in_stored_order(self, start: int, stop: int) -> Iterator[RowBlock]:
        """Yield the documents from `start` to before `stop` in stored order.

        At most the lengths of one partial output are in memory.
        """
        before = 0
        for stored in self.parts:
            first_row, last_row = start - before, stop - before
            before += stored.report.documents
            if last_row <= 0 or first_row >= stored.report.documents:
                continue
            arrays = stored.partial.read_arrays()
            lengths = arrays["lengths"]
            first = np.concatenate(([0], np.cumsum(arrays["sequences"], dtype=np.int64)))
            ends = np.concatenate(([0], np.cumsum(lengths, dtype=np.int64)))
            ids = stored.partial.read_ids(stored.report)  # unmapped after the partial output
            first = first[max(first_row, 0) : last_row + 1]
            for a, b in _blocks(ends[first]):
                low, high = first[a], first[b]
                yield RowBlock(
                    ids[ends[low] : ends[high]].astype(self.dtype, copy=False),
                    lengths[low:high],
                    first[a : b + 1] - low,
                )

    def rows(self, order: Order, start: int, stop: int) -> Iterator[RowBlock]:
        """Yield the rows of an order from `start` to before `stop`."""
        chosen = order.first[start : stop + 1]
        lengths = order.lengths[chosen[0] : chosen[-1]]
        ends = np.concatenate(([0], np.cumsum(lengths, dtype=np.int64)))
        for a, b in _blocks(ends[chosen - chosen[0]]):
            low, high = chosen[a], chosen[b]
            starts, lengths = order.starts[low:high], order.lengths[low:high]
            yield RowBlock(self.gather(starts, lengths), lengths, chosen[a : b + 1] - low)

    def gather(self, starts: NDArray[np.int64], lengths: NDArray[np.int32]) -> NDArray[Any]:
        """Return the tokens of segments, concatenated, in the dtype of the store."""
        from penstock.kernels.packing import copy_segments

        targets = np.concatenate(([0], np.cumsum(lengths, dtype=np.int64)))
        gathered = np.empty(targets[-1], self.dtype)
        wanted = np.flatnonzero(lengths)
        parts = np.searchsorted(self.bases, starts[wanted], side="right") - 1
        # NumPy sorts integers of 16 bits by radix.
        small = np.min_scalar_type(len(self.parts))
        by_part = np.argsort(parts.astype(small), kind="stable")
        wanted, parts = wanted[by_part], parts[by_part]
        offsets = starts.copy()
        offsets[wanted] -= self.bases[parts]
        bounds = np.flatnonzero(np.diff(parts, prepend=-1, append=-1)).tolist()
        for first, last in pairwise(bounds):
            index, chosen = int(parts[first]), wanted[first:last]
            # A mapping pays if it is kept, or used for many segments.
            kept = index in self._mapped or len(self._mapped) < self._most_mapped
            if not kept and len(chosen) <= _FEW and len(gathered) <= 2 * BLOCK_TOKENS:
                places = (offsets[chosen], lengths[chosen], targets[chosen])
                self._read(index, zip(*(each.tolist() for each in places), strict=True), gathered)
            else:
                copy_segments(self._ids(index), offsets, lengths, targets, chosen, gathered)
        return gathered

    def _read(
        self, index: int, segments: Iterable[tuple[int, int, int]], gathered: NDArray[Any]
    ) -> None:
        """Read segments (offset, length, place in `gathered`) from the file of a partial output."""
        stored = self.parts[index]
        dtype = np.dtype(stored.report.dtype)
        descriptor = os.open(stored.partial.ids, os.O_RDONLY)
        try:
            for offset, length, target in segments:
                data = os.pread(descriptor, length * dtype.itemsize, offset * dtype.itemsize)
                gathered[target : target + length] = np.frombuffer(data, dtype, length)
        finally:
            os.close(descriptor)

    def _ids(self, index: int) -> NDArray[Any]:
        if (ids := self._mapped.get(index)) is not None:
            return ids
        stored = self.parts[index]
        ids = stored.partial.read_ids(stored.report)
        if len(self._mapped) < self._most_mapped:
            self._mapped[index] = ids
        return ids


def _blocks(ends: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Cut rows, given the start of each in tokens (and the end), into ranges of about a block."""
    start, last = 0, len(ends) - 1
    while start < last:
        stop = int(np.searchsorted(ends, ends[start] + BLOCK_TOKENS, side="right")) - 1
        stop = min(max(stop, start + 1), last)
        yield start, stop
        start = stop
