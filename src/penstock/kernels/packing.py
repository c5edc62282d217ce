"""Packing: the row of each segment, computed from lengths only, and the arrays of packed rows.

`best_fit`, `first_fit` and `concatenate` take the `lengths` of segments in tokens (int32). Window w
has the segments `bounds[w]` to before `bounds[w + 1]` (int64); a row never holds segments of two
windows. Rows are numbered from 0 without gaps. `best_fit` and `first_fit` return the row of each
segment (int32) and require lengths from 1 to `context`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.compiled import compiled


@compiled
def best_fit(
    lengths: NDArray[np.int32], bounds: NDArray[np.int64], context: int
) -> NDArray[np.int32]:
    """Pack by best fit decreasing: the longest first, each into the fullest row that has space.

    Rows with equal free space are interchangeable, so rows are grouped by their space; a tree over
    the spaces finds the smallest sufficient one in log(context) steps.
    """
    leaves = _power_of_two(context + 1)
    row_of = np.empty(len(lengths), np.int32)
    rows = 0
    for window in range(len(bounds) - 1):
        start = bounds[window]
        count = bounds[window + 1] - start
        window_rows = rows
        is_set = np.zeros(2 * leaves, np.bool_)
        newest = np.full(context + 1, -1, np.int32)  # the last row with each space
        older = np.empty(count, np.int32)  # the previous row with the same space
        for segment in _longest_first(lengths[start : start + count], context):
            length = lengths[start + segment]
            space = _smallest_from(is_set, leaves, length)
            if space < 0:
                space, row = context, rows - window_rows
                rows += 1
            else:
                row = newest[space]
                newest[space] = older[row]
                if newest[space] < 0:
                    _set_leaf(is_set, leaves + space, False)
            row_of[start + segment] = window_rows + row
            space -= length
            if space > 0:
                if newest[space] < 0:
                    _set_leaf(is_set, leaves + space, True)
                older[row] = newest[space]
                newest[space] = row
    return row_of


@compiled
def first_fit(
    lengths: NDArray[np.int32], bounds: NDArray[np.int64], context: int
) -> NDArray[np.int32]:
    """Pack by first fit: each segment, in order, into the first row that has space.

    A tree of the largest free space among rows finds that row in log(rows) steps.
    """
    row_of = np.empty(len(lengths), np.int32)
    rows = 0
    for window in range(len(bounds) - 1):
        start, stop = bounds[window], bounds[window + 1]
        # At most one row is half empty: the segments of a second one would be in the first.
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
    """Concatenate segments and cut them where a row is full.

    Returns one value per piece: its segment, its first token in that segment, its length, its row.
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
    """Return the index of each row's first piece in the second array, the pieces sorted by row."""
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
    """Return the segments by decreasing length; those of equal length keep their order."""
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
def _set_leaf(is_set: NDArray[np.bool_], node: int, value: bool) -> None:
    """Set a leaf of a tree whose nodes are True if any leaf below them is set."""
    is_set[node] = value
    while node > 1:
        node //= 2
        either = is_set[2 * node] or is_set[2 * node + 1]
        if is_set[node] == either:
            return
        is_set[node] = either


@compiled
def _smallest_from(is_set: NDArray[np.bool_], leaves: int, least: int) -> int:
    """Return the first set leaf at or after the leaf `least`, -1 if is_set is none."""
    node = leaves + least
    while not is_set[node]:
        while node % 2 == 1:  # a right child: the next leaf is below an ancestor
            node //= 2
        if node == 0:
            return -1
        node += 1
    while node < leaves:
        node *= 2
        if not is_set[node]:
            node += 1
    return node - leaves


@compiled
def fill_planes(
    ids: NDArray[np.int32],
    lengths: NDArray[np.int32],
    first: NDArray[np.int64],
    pad_id: int,
    shifted: bool,
    planes: NDArray[np.int32],
) -> None:
    """Write segments into rows.

    `planes` (5, rows, context) receives inputs, targets, the segmentation of each, and positions.
    The caller has checked `lengths` and `first` against `ids` and the context.
    """
    inputs, targets = planes[0], planes[1]
    input_segments, target_segments, positions = planes[2], planes[3], planes[4]
    context = planes.shape[2]
    offset = 1 if shifted else 0
    at = 0
    for row in range(len(first) - 1):
        column = 0
        number = 0
        for segment in range(first[row], first[row + 1]):
            length = lengths[segment]
            if length == 0:
                continue
            number += 1
            for place in range(length):
                inputs[row, column + place] = ids[at + place]
                input_segments[row, column + place] = number
                positions[row, column + place] = place
            for place in range(length - offset):
                targets[row, column + place] = ids[at + place + offset]
                target_segments[row, column + place] = number
            if shifted:
                targets[row, column + length - 1] = pad_id
                target_segments[row, column + length - 1] = 0
            at += length
            column += length
        inputs[row, column:context] = pad_id
        targets[row, column:context] = pad_id
        input_segments[row, column:context] = 0
        target_segments[row, column:context] = 0
        positions[row, column:context] = 0


@compiled
def copy_segments(
    ids: NDArray[Any],
    starts: NDArray[np.int64],
    lengths: NDArray[np.int32],
    targets: NDArray[np.int64],
    chosen: NDArray[np.int64],
    gathered: NDArray[Any],
) -> None:
    """Copy the segments with the indices `chosen` from `ids` to `targets` in `gathered`."""
    for segment in chosen:
        source, target = starts[segment], targets[segment]
        for offset in range(lengths[segment]):
            gathered[target + offset] = ids[source + offset]
