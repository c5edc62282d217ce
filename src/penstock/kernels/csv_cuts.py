"""Where a table with quotes can be cut: at the ends of records, told from its bytes in one pass."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.compiled import compiled
from penstock.sources._files import open_unpacked, reading

_BLOCK = 1 << 22
_MARK = b"\xef\xbb\xbf"

# What a byte stands behind: the end of a record, the end of a field, a byte of a field without
# quotes, one of a field in quotes, a quote within such a field.
_RECORD, _FIELD, _PLAIN, _QUOTED, _QUOTE = range(5)


def record_starts(path: str, delimiter: str, wanted: list[int]) -> list[int]:
    """Return, for each of some increasing positions, where the first record at or behind it begins.

    Records are told as Python's `csv` does (RFC 4180; a quote within a field that does not begin
    with one is a character like others). Where none begins any more, it is the size of the file.
    """
    goals = np.array(wanted, np.int64)
    found = np.full(len(goals), -1, np.int64)
    state, next_goal, position = _RECORD, 0, 0
    with reading(path), open_unpacked(path) as stream:
        while next_goal < len(goals) and (data := stream.read(_BLOCK)):
            block = np.frombuffer(data, np.uint8)
            skipped = len(_MARK) if position == 0 and data.startswith(_MARK) else 0
            state, next_goal = _scan(
                block[skipped:], state, ord(delimiter), position + skipped, goals, found, next_goal
            )
            position += len(data)
    found[found < 0] = position
    return [int(start) for start in found]


@compiled
def _scan(
    block: NDArray[np.uint8],
    state: int,
    delimiter: int,
    position: int,
    goals: NDArray[np.int64],
    found: NDArray[np.int64],
    next_goal: int,
) -> tuple[int, int]:
    """Go through a block that begins at `position`; note where records begin behind the goals."""
    for index in range(len(block)):
        byte = block[index]
        if state == _QUOTED:
            if byte == 34:
                state = _QUOTE
        elif byte == 34 and state != _PLAIN:
            state = _QUOTED  # opens a field; doubled, it is a character of one
        elif byte == delimiter:
            state = _FIELD
        elif byte == 10 or byte == 13:
            state = _RECORD
            start = position + index + 1
            while byte == 10 and next_goal < len(goals) and goals[next_goal] <= start:
                found[next_goal] = start
                next_goal += 1
            if next_goal == len(goals):
                break
        else:
            state = _PLAIN
    return state, next_goal
