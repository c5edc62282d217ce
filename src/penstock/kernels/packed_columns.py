"""Packed rows: copies segments into the planes that hold the columns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.compiled import compiled


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
