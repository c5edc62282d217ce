"""Cutting documents that are longer than the context into segments."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.compiled import compiled

#: The roles of a token, as bits: a cut is allowed after it; a cut is allowed after it if the next
#: token opens; it opens, which means that it begins with white space.
ENDS, ENDS_BEFORE_OPENING, OPENS = 1, 2, 4


@compiled
def cut(
    ids: NDArray[np.integer],
    lengths: NDArray[np.int32],
    context: int,
    overlap: int,
    roles: NDArray[np.uint8],
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int32]]:
    """Cut sequences (flat `ids`, their `lengths`) into segments of at most `context` tokens.

    Every segment but the first repeats the last `overlap` tokens of the previous one. `roles` has
    the bits of each id, and each cut is as late as they allow; if they allow none, or `roles` is
    empty, the segment is full. Returns the first token and the length of each segment, and the
    number of segments of each sequence.
    """
    # The upper limit of the number of segments; unused elements take no memory.
    most = len(ids) + len(lengths)
    starts, sizes = np.empty(most, np.int64), np.empty(most, np.int32)
    counts = np.zeros(len(lengths), np.int32)
    segments, stop = 0, 0
    for sequence in range(len(lengths)):
        start = stop
        stop = start + lengths[sequence]
        while True:
            end = min(start + context, stop)
            if end < stop and len(roles):
                end = _last_boundary(ids, start + overlap, end, roles)
            starts[segments], sizes[segments] = start, end - start
            segments += 1
            counts[sequence] += 1
            if end == stop:
                break
            start = end - overlap
    return starts[:segments].copy(), sizes[:segments].copy(), counts


@compiled
def gather(
    ids: NDArray[np.integer], starts: NDArray[np.int64], sizes: NDArray[np.int32]
) -> NDArray[np.integer]:
    """Return the ids of all segments, concatenated."""
    gathered = np.empty(sizes.sum(), ids.dtype)
    position = 0
    for segment in range(len(starts)):
        size = sizes[segment]
        gathered[position : position + size] = ids[starts[segment] : starts[segment] + size]
        position += size
    return gathered


@compiled
def _last_boundary(ids: NDArray[np.integer], least: int, end: int, roles: NDArray[np.uint8]) -> int:
    """Return the last position in (`least`, `end`] where a cut is allowed, or `end` if none is.

    Ids beyond `roles` have no role. `end` must be the index of a token.
    """
    next_opens = ids[end] < len(roles) and roles[ids[end]] & OPENS
    for position in range(end, least, -1):
        role = roles[ids[position - 1]] if ids[position - 1] < len(roles) else np.uint8(0)
        if role & ENDS or (next_opens and role & ENDS_BEFORE_OPENING):
            return position
        next_opens = role & OPENS
    return end
