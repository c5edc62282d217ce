"""One packed row: how its columns must relate to each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock.checks import _codes as codes
from penstock.findings import Code

Columns = Mapping[str, NDArray[Any]]
#: The code, the message and the number of positions.
Problem = tuple[Code, str, int]

#: Every reader of packed rows stores ids as int32.
_ID_LIMIT = 2**31


@dataclass(frozen=True)
class Documents:
    """The documents of a row: the number of `used` tokens, and where each document begins."""

    used: int
    begins: NDArray[np.int64]

    @property
    def ends(self) -> NDArray[np.int64]:
        """The position of the last token of each document."""
        return np.append(self.begins, self.used)[1:] - 1

    def split(self, ids: NDArray[Any]) -> list[NDArray[Any]]:
        """Split a column into the parts of its documents, without padding."""
        return np.split(ids[: self.used], self.begins[1:])


def documents_of(row: Columns) -> Documents:
    """Return the documents of a row, which is one document if it has no segmentation.

    `problems` must have found nothing wrong with the padding and segments of the row.
    """
    segments = row.get("inputs_segmentation")
    if segments is None:
        return Documents(len(row["inputs"]), np.zeros(1, np.int64))
    used = int(np.count_nonzero(segments))
    return Documents(used, np.flatnonzero(np.diff(segments[:used], prepend=0)))


def problems(row: Columns) -> Iterator[Problem]:
    """Yield everything that is wrong with a row."""
    lengths = {len(column) for column in row.values()}
    if "inputs" not in row or len(lengths) != 1:
        found = ", ".join(f"{name} {len(column):,}" for name, column in row.items())
        yield codes.ROW_SHAPE, f"columns have different lengths or no inputs: {found}", 1
        return
    for name in ("inputs", "targets"):
        if name in row:
            ids = row[name]
            wrong = np.flatnonzero((ids < 0) | (ids >= _ID_LIMIT))
            if len(wrong):
                at = wrong[0]
                message = f"{name} has {ids[at]} at position {at:,}, which is no token id"
                yield codes.VALUE_RANGE, message, len(wrong)
    broken = list(_segment_problems(row))
    yield from broken
    if broken or "inputs_segmentation" not in row:
        return
    documents = documents_of(row)
    yield from _position_problems(row, documents)
    if "targets" in row:
        yield from _target_problems(row, documents)
    if "targets_segmentation" in row:
        yield from _mask_problems(row, documents)


def _segment_problems(row: Columns) -> Iterator[Problem]:
    """Yield padding between tokens, and documents that are not numbered 1, 2, 3, ..."""
    segments = row.get("inputs_segmentation")
    if segments is None:
        return
    used = int(np.count_nonzero(segments))
    holes = np.flatnonzero(segments[:used] == 0)
    if len(holes):
        message = f"padding (segment 0) at position {holes[0]:,}, before the last token"
        yield codes.PADDING_INSIDE, message, len(holes)
        return
    steps = np.diff(segments[:used].astype(np.int64), prepend=0)
    wrong = np.flatnonzero((steps < 0) | (steps > 1))
    if len(wrong):
        at = wrong[0]
        message = f"segment {segments[at]} at position {at:,} is out of order"
        yield codes.SEGMENTS_BROKEN, message, len(wrong)


def _position_problems(row: Columns, documents: Documents) -> Iterator[Problem]:
    counts = np.diff(np.append(documents.begins, documents.used))
    expected = np.arange(documents.used) - np.repeat(documents.begins, counts)
    for name in ("inputs_position", "targets_position"):
        if name in row:
            wrong = np.flatnonzero(row[name][: documents.used] != expected)
            if len(wrong):
                at = wrong[0]
                message = f"{name} is {row[name][at]} at position {at:,}, must be {expected[at]}"
                yield codes.POSITIONS_BROKEN, message, len(wrong)


def _target_problems(row: Columns, documents: Documents) -> Iterator[Problem]:
    """Yield targets that are not the next token, and those that lead into another document.

    Targets equal to the inputs are for trainers that shift by themselves. Masked targets may have
    any value. So may the last target of a full row, whose document may continue in another row.
    """
    used = documents.used
    inputs, targets = row["inputs"][:used], row["targets"][:used]
    mask = row.get("targets_segmentation")
    counted = np.ones(used, bool) if mask is None else mask[:used] != 0
    if not counted.any() or (targets == inputs)[counted].all():
        return
    inside = counted.copy()
    inside[documents.ends] = False
    wrong = np.flatnonzero(inside[:-1] & (targets[:-1] != inputs[1:]))
    if len(wrong):
        message = f"the target at position {wrong[0]:,} is not the next token"
        yield codes.TARGETS_INCONSISTENT, message, len(wrong)
    full = used == len(row["inputs"])
    ends = documents.ends[:-1] if full else documents.ends
    leaks = ends[counted[ends]]
    if len(leaks):
        message = (
            f"the last token of a document, at position {leaks[0]:,}, is trained to predict the "
            "token after its document"
        )
        yield codes.TARGETS_LEAK, message, len(leaks)


def _mask_problems(row: Columns, documents: Documents) -> Iterator[Problem]:
    mask, segments, used = row["targets_segmentation"], row["inputs_segmentation"], documents.used
    # A document of one token has nothing to predict.
    if used > len(documents.begins) and not mask.any():
        yield codes.LOSS_MASKED, "no token of the row counts toward the loss", 1
    padding = np.flatnonzero(mask[used:])
    if len(padding):
        message = f"the padding at position {used + padding[0]:,} counts toward the loss"
        yield codes.PADDING_COUNTED, message, len(padding)
    inner = np.ones(used, bool)
    inner[documents.ends] = False
    wrong = np.flatnonzero(inner & (mask[:used] != 0) & (mask[:used] != segments[:used]))
    if len(wrong):
        at = wrong[0]
        message = (
            f"targets_segmentation is {mask[at]} at position {at:,}, which is in segment "
            f"{segments[at]}"
        )
        yield codes.SEGMENTS_BROKEN, message, len(wrong)
