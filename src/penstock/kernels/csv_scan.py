"""Record boundaries of CSV with quotes, found in one pass over the bytes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.compiled import compiled

# The state before a byte: at the start of a record or of a field, within a field without quotes,
# within a quoted field, or after a quotation mark within a quoted field.
START_OF_RECORD, _START_OF_FIELD, _UNQUOTED, _QUOTED, _QUOTE = range(5)


@compiled
def scan_records(
    block: NDArray[np.uint8],
    state: int,
    delimiter: int,
    position: int,
    goals: NDArray[np.int64],
    starts: NDArray[np.int64],
    next_goal: int,
) -> tuple[int, int]:
    """Scan a block that begins at byte `position` of the file.

    For each of `goals` (increasing positions, from index `next_goal`), store in `starts` the first
    position at or after it where a record begins. Returns the state after the block and the index
    of the first goal without a start. The rules are those of Python's `csv` (RFC 4180; a quotation
    mark within an unquoted field is a normal character).
    """
    for index in range(len(block)):
        byte = block[index]
        if state == _QUOTED:
            if byte == 34:
                state = _QUOTE
        elif byte == 34 and state != _UNQUOTED:
            state = _QUOTED  # opens a field, or is the second of a doubled quotation mark
        elif byte == delimiter:
            state = _START_OF_FIELD
        elif byte == 10 or byte == 13:
            state = START_OF_RECORD
            start = position + index + 1
            while byte == 10 and next_goal < len(goals) and goals[next_goal] <= start:
                starts[next_goal] = start
                next_goal += 1
            if next_goal == len(goals):
                break
        else:
            state = _UNQUOTED
    return state, next_goal
