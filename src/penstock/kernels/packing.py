"""The packers: which row each segment goes to, over arrays of lengths alone.

Every packer takes `lengths` (int32, one a segment, in tokens), cut into windows at `bounds` (int64:
window w has the segments `bounds[w]` up to `bounds[w + 1]`); a row never holds segments of two
windows. Rows are numbered from 0, none is left out, and all but `concatenate` return the row of
each segment (int32) and need lengths from 1 to `context`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.compiled import compiled


@compiled
def best_fit(
    lengths: NDArray[np.int32], bounds: NDArray[np.int64], context: int
) -> NDArray[np.int32]:
    """Pack by best fit decreasing: the longest first, each into the fullest row that takes it.

    Rows of equal free space are one as good as the other, so that rows are known by their space:
    a tree over the spaces finds the smallest that suffices in log(context) steps.
    """
    leaves = _power_of_two(context + 1)
    row_of = np.empty(len(lengths), np.int32)
    rows = 0
    for window in range(len(bounds) - 1):
        start = bounds[window]
        count = bounds[window + 1] - start
        window_rows = rows
        there = np.zeros(2 * leaves, np.bool_)
        newest = np.full(context + 1, -1, np.int32)  # of the rows with a space, the last one seen
        older = np.empty(count, np.int32)  # of the rows with the same space, the one before
        for segment in _longest_first(lengths[start : start + count], context):
            length = lengths[start + segment]
            space = _smallest_from(there, leaves, length)
            if space < 0:
                space, row = context, rows - window_rows
                rows += 1
            else:
                row = newest[space]
                newest[space] = older[row]
                if newest[space] < 0:
                    _set_leaf(there, leaves + space, False)
            row_of[start + segment] = window_rows + row
            space -= length
            if space > 0:
                if newest[space] < 0:
                    _set_leaf(there, leaves + space, True)
                older[row] = newest[space]
                newest[space] = row
    return row_of


@compiled
def first_fit(
    lengths: NDArray[np.int32], bounds: NDArray[np.int64], context: int
) -> NDArray[np.int32]:
    """Pack by first fit: each in its turn into the first row that takes it.

    A tree of the largest space among rows finds that row in log(rows) steps.
    """
    row_of = np.empty(len(lengths), np.int32)
    rows = 0
    for window in range(len(bounds) - 1):
        start, stop = bounds[window], bounds[window + 1]
        # No two rows are half empty, as the second's segments would have gone to the first.
        tokens = lengths[start:stop].sum()
        leaves = _power_of_two(min(stop - start, 2 * tokens // context + 1))
        space = np.full(2 * leaves, context, np.int32)
        used = 0
        for segment in range(start, stop):
            length = lengths[segment]
            node = 1
            while node < leaves:
                node *= 2
                if space[node] < length:
                    node += 1
            row_of[segment] = rows + node - leaves
            used = max(used, node - leaves + 1)
            space[node] -= length
            while node > 1:
                node //= 2
                space[node] = max(space[2 * node], space[2 * node + 1])
        rows += used
    return row_of


@compiled
def concatenate(
    lengths: NDArray[np.int32], bounds: NDArray[np.int64], context: int
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """Lay segments one after the other and cut them where a row is full.

    Returns, one value a piece: the segment it is of, its first token within that, its length, and
    its row.
    """
    most = len(lengths) + lengths.sum() // context + len(bounds)
    segments, offsets = np.empty(most, np.int64), np.empty(most, np.int32)
    sizes, rows = np.empty(most, np.int32), np.empty(most, np.int32)
    pieces, row = 0, -1
    for window in range(len(bounds) - 1):
        space = 0
        for segment in range(bounds[window], bounds[window + 1]):
            offset = 0
            while offset < lengths[segment]:
                if space == 0:
                    row, space = row + 1, context
                size = min(space, lengths[segment] - offset)
                segments[pieces], offsets[pieces] = segment, offset
                sizes[pieces], rows[pieces] = size, row
                pieces += 1
                offset += size
                space -= size
    return segments[:pieces], offsets[:pieces], sizes[:pieces], rows[:pieces]


@compiled
def group_by_row(row_of: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where each row starts in the pieces, and the pieces row by row, in their order."""
    rows = 0
    for row in row_of:
        rows = max(rows, row + 1)
    first = np.zeros(rows + 1, np.int64)
    for row in row_of:
        first[row + 1] += 1
    for row in range(rows):
        first[row + 1] += first[row]
    place = first[:-1].copy()
    pieces = np.empty(len(row_of), np.int64)
    for piece in range(len(row_of)):
        row = row_of[piece]
        pieces[place[row]] = piece
        place[row] += 1
    return first, pieces


@compiled
def _longest_first(lengths: NDArray[np.int32], context: int) -> NDArray[np.int32]:
    """Return the segments by falling length, those of one length in their order."""
    place = np.zeros(context + 2, np.int64)
    for length in lengths:
        place[context - length + 1] += 1
    for shorter in range(context + 1):
        place[shorter + 1] += place[shorter]
    ordered = np.empty(len(lengths), np.int32)
    for segment in range(len(lengths)):
        key = context - lengths[segment]
        ordered[place[key]] = segment
        place[key] += 1
    return ordered


@compiled
def _power_of_two(least: int) -> int:
    power = 1
    while power < least:
        power *= 2
    return power


@compiled
def _set_leaf(there: NDArray[np.bool_], node: int, value: bool) -> None:
    """Set a leaf of a tree whose nodes say whether any leaf below them is set."""
    there[node] = value
    while node > 1:
        node //= 2
        either = there[2 * node] or there[2 * node + 1]
        if there[node] == either:
            return
        there[node] = either


@compiled
def _smallest_from(there: NDArray[np.bool_], leaves: int, least: int) -> int:
    """Return the first leaf that is set, from the leaf `least` on; -1 when there is none."""
    node = leaves + least
    while not there[node]:
        while node % 2 == 1:  # the right one of two: what comes next is further up
            node //= 2
        if node == 0:
            return -1
        node += 1
    while node < leaves:
        node *= 2
        if not there[node]:
            node += 1
    return node - leaves
