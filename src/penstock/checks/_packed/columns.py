"""One packed row: what its columns must be to each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock.checks import _codes as codes
from penstock.checks._collect import Code

Columns = Mapping[str, NDArray[Any]]
Problem = tuple[Code, str, int]

#: Every reader of packed rows holds ids in an int32.
_ID_LIMIT = 2**31


@dataclass(frozen=True)
class Documents:
    """Where the documents of a row lie: `used` tokens, and where among them each one begins."""

    used: int
    begins: NDArray[np.int64]

    @property
    def ends(self) -> NDArray[np.int64]:
        """The place of the last token of each document."""
        return np.append(self.begins, self.used)[1:] - 1

    def split(self, ids: NDArray[Any]) -> list[NDArray[Any]]:
        """Return the part of a column that each document has."""
        return np.split(ids[: self.used], self.begins[1:])


def documents_of(columns: Columns) -> Documents:
    """Return where the documents of a row lie; without a segmentation it is one document.

    The row must be one in which `problems` found none with padding and segments.
    """
    segments = columns.get("inputs_segmentation")
    if segments is None:
        return Documents(len(columns["inputs"]), np.zeros(1, np.int64))
    used = int(np.count_nonzero(segments))
    return Documents(used, np.flatnonzero(np.diff(segments[:used], prepend=0)))


def problems(columns: Columns) -> Iterator[Problem]:
    """Yield the code, words and number of places of everything that is wrong with a row."""
    lengths = {len(column) for column in columns.values()}
    if "inputs" not in columns or len(lengths) != 1:
        told = ", ".join(f"{name} {len(column):,}" for name, column in columns.items())
        yield codes.ROW_SHAPE, f"columns have not one length: {told}", 1
        return
    for name in ("inputs", "targets"):
        if name in columns:
            yield from _out_of_range(name, columns[name])
    broken = list(_segment_problems(columns))
    yield from broken
    if broken or "inputs_segmentation" not in columns:
        return
    found = documents_of(columns)
    yield from _position_problems(columns, found)
    if "targets" in columns:
        yield from _target_problems(columns, found)
    if "targets_segmentation" in columns:
        yield from _mask_problems(columns, found)


def _out_of_range(name: str, ids: NDArray[Any]) -> Iterator[Problem]:
    wrong = np.flatnonzero((ids < 0) | (ids >= _ID_LIMIT))
    if len(wrong):
        words = f"{name} holds {ids[wrong[0]]} at place {wrong[0]:,}, which no id can be"
        yield codes.VALUE_RANGE, words, len(wrong)


def _segment_problems(columns: Columns) -> Iterator[Problem]:
    """Yield padding between tokens, and documents that are not numbered 1, 2, 3, ..."""
    segments = columns.get("inputs_segmentation")
    if segments is None:
        return
    used = int(np.count_nonzero(segments))
    holes = np.flatnonzero(segments[:used] == 0)
    if len(holes):
        words = f"padding (segment 0) at place {holes[0]:,}, with tokens after it"
        yield codes.PADDING_INSIDE, words, len(holes)
        return
    steps = np.diff(segments[:used].astype(np.int64), prepend=0)
    wrong = np.flatnonzero((steps < 0) | (steps > 1))
    if len(wrong):
        words = f"segment {segments[wrong[0]]} at place {wrong[0]:,} does not follow the one before"
        yield codes.SEGMENTS_BROKEN, words, len(wrong)


def _position_problems(columns: Columns, found: Documents) -> Iterator[Problem]:
    counts = np.diff(np.append(found.begins, found.used))
    expected = np.arange(found.used) - np.repeat(found.begins, counts)
    for name in ("inputs_position", "targets_position"):
        if name in columns:
            wrong = np.flatnonzero(columns[name][: found.used] != expected)
            if len(wrong):
                place = wrong[0]
                words = (
                    f"{name} is {columns[name][place]} at place {place:,}, "
                    f"{expected[place]} tokens into its document"
                )
                yield codes.POSITIONS_BROKEN, words, len(wrong)


def _target_problems(columns: Columns, found: Documents) -> Iterator[Problem]:
    """Yield targets that are not the next token, and those that lead into another document.

    Targets that equal the inputs are for trainers that shift by themselves. Masked targets may be
    anything, and so may the last of a full row, whose document may go on in another one.
    """
    inputs, targets = columns["inputs"][: found.used], columns["targets"][: found.used]
    mask = columns.get("targets_segmentation")
    counted = np.ones(found.used, bool) if mask is None else mask[: found.used] != 0
    if not counted.any() or (targets == inputs)[counted].all():
        return
    inside = counted.copy()
    inside[found.ends] = False
    wrong = np.flatnonzero(inside[:-1] & (targets[:-1] != inputs[1:]))
    if len(wrong):
        words = f"the target at place {wrong[0]:,} is not the next token"
        yield codes.TARGETS_INCONSISTENT, words, len(wrong)
    full = found.used == len(columns["inputs"])
    ends = found.ends[:-1] if full else found.ends
    leaks = ends[counted[ends]]
    if len(leaks):
        words = (
            f"the last token of a document, at place {leaks[0]:,}, has a target that counts: it is "
            "trained to predict what comes after its document"
        )
        yield codes.TARGETS_LEAK, words, len(leaks)


def _mask_problems(columns: Columns, found: Documents) -> Iterator[Problem]:
    mask, segments = columns["targets_segmentation"], columns["inputs_segmentation"]
    # A document of one token has nothing to predict.
    if found.used > len(found.begins) and not mask.any():
        yield codes.LOSS_MASKED, "no token of the row counts", 1
    padding = np.flatnonzero(mask[found.used :])
    if len(padding):
        words = f"the padding at place {found.used + padding[0]:,} counts like a token"
        yield codes.PADDING_COUNTED, words, len(padding)
    inner = np.ones(found.used, bool)
    inner[found.ends] = False
    masked = mask[: found.used]
    wrong = np.flatnonzero(inner & (masked != 0) & (masked != segments[: found.used]))
    if len(wrong):
        words = (
            f"targets_segmentation is {masked[wrong[0]]} at place {wrong[0]:,} of segment "
            f"{segments[wrong[0]]}"
        )
        yield codes.SEGMENTS_BROKEN, words, len(wrong)
