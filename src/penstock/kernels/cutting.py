"""Where documents that are longer than the context are cut."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.compiled import compiled

#: What a token may be, as bits: a document may be cut after it; it may be cut after it where the
#: next token opens; it opens (white space stands at its start).
ENDS, ENDS_BEFORE_OPENING, OPENS = 1, 2, 4


@compiled
def cut(
    ids: NDArray[np.integer],
    lengths: NDArray[np.int32],
    context: int,
    overlap: int,
    roles: NDArray[np.uint8],
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int32]]:
    """Cut sequences (flat `ids`, their `lengths`) into pieces of at most `context` tokens.

    Each piece but the first repeats the last `overlap` tokens of the one before. `roles` gives the
    bits of each id, and a cut falls as late as they allow; where they allow none, and where `roles`
    is empty, the piece is full. Returns the first token and the length of each piece, and the
    number of pieces of each sequence.
    """
    # More pieces than that cannot be; what is not touched takes no memory.
    most = len(ids) + len(lengths)
    starts, sizes = np.empty(most, np.int64), np.empty(most, np.int32)
    pieces_of = np.zeros(len(lengths), np.int32)
    pieces, stop = 0, 0
    for sequence in range(len(lengths)):
        start = stop
        stop = start + lengths[sequence]
        while True:
            end = min(start + context, stop)
            if end < stop and len(roles):
                end = _last_boundary(ids, start + overlap, end, roles)
            starts[pieces], sizes[pieces] = start, end - start
            pieces += 1
            pieces_of[sequence] += 1
            if end == stop:
                break
            start = end - overlap
    return starts[:pieces].copy(), sizes[:pieces].copy(), pieces_of


@compiled
def gather(
    ids: NDArray[np.integer], starts: NDArray[np.int64], sizes: NDArray[np.int32]
) -> NDArray[np.integer]:
    """Return the ids of all pieces, one after the other."""
    gathered = np.empty(sizes.sum(), ids.dtype)
    place = 0
    for piece in range(len(starts)):
        size = sizes[piece]
        gathered[place : place + size] = ids[starts[piece] : starts[piece] + size]
        place += size
    return gathered


@compiled
def _last_boundary(ids: NDArray[np.integer], least: int, end: int, roles: NDArray[np.uint8]) -> int:
    """Return the last place after `least`, and up to `end`, for a cut; `end` where there is none.

    Ids beyond `roles` have no role. The token at `end` is there.
    """
    next_opens = ids[end] < len(roles) and roles[ids[end]] & OPENS
    for place in range(end, least, -1):
        role = roles[ids[place - 1]] if ids[place - 1] < len(roles) else np.uint8(0)
        if role & ENDS or (next_opens and role & ENDS_BEFORE_OPENING):
            return place
        next_opens = role & OPENS
    return end
