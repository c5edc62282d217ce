"""What flows through a build: batches of rows, then of tokens, and the stats of their fate.

A batch never knows how the work was shared out: its rows are numbered within the input_split of input
that they came from, and only the stats, when something is bad, turns a number into file and line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock.errors import DataError

#: How many bad rows of an input split are kept with their place; all of them are counted.
KEPT_ERRORS = 20


@dataclass
class RowBatch:
    """Consecutive rows of one input_split of input.

    `numbers[i]` is the number of row i within the input_split, from 0. `columns` holds one value a row
    (first dimension) of what steps on the whole dataset will need: `split` (uint8), `duplicate`
    (two uint64), ...
    """

    rows: list[dict[str, Any]]
    numbers: Sequence[int]
    columns: dict[str, NDArray[Any]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, kept: Sequence[int]) -> RowBatch:
        """Return the batch of the rows at the indices `kept`."""
        return RowBatch(
            [self.rows[index] for index in kept],
            [self.numbers[index] for index in kept],
            {name: column[np.asarray(kept, np.int64)] for name, column in self.columns.items()},
        )


@dataclass
class TokenBatch:
    """The tokens of consecutive documents of one input_split of input.

    `ids` (flat, in the dtype that will be stored) holds the sequences one after the other;
    `lengths` (int32, one a sequence) are in tokens; `sequences` (int32, one a document) says how
    many sequences each document has. `numbers` and `columns` are per document, as in RowBatch.
    """

    ids: NDArray[Any]
    lengths: NDArray[np.int32]
    sequences: NDArray[np.int32]
    numbers: Sequence[int]
    columns: dict[str, NDArray[Any]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.sequences)


class RowStats:
    """Counts what became of the rows of one input_split, and holds or raises what is wrong with them.

    `place` turns the number of a row within the input_split into its file and line (from 1). With `skip`
    a bad row is counted and left out; without, the first one raises. `problem_with` says why a row
    of text, as the steps have left it, cannot lie in the format of the dataset.
    """

    def __init__(
        self,
        place: Callable[[int], tuple[str, int]],
        *,
        skip: bool = False,
        problem_with: Callable[[Mapping[str, Any]], str | None] = lambda row: None,
    ) -> None:
        self.place = place
        self.skip = skip
        self.problem_with = problem_with
        self.counts: Counter[str] = Counter()
        self.errors: list[tuple[str, int, str]] = []
        self.left_out: list[tuple[str, int, str]] = []
        self.notes: dict[str, list[NDArray[Any]]] = {}

    def bad(self, number: int, reason: str) -> None:
        """Note that a row cannot be used; `reason` names the field and never holds its text.

        Raises DataError, with file and line, unless bad rows are skipped.
        """
        skipped = self.counts["skipped"] + 1
        if not self.skip or skipped <= KEPT_ERRORS:
            file, line = self.place(number)
            if not self.skip:
                raise DataError(reason, file=file, line=line)
            self.errors.append((file, line, reason))
        self.counts["skipped"] = skipped

    def leave_out(self, number: int, reason: str) -> None:
        """Note the place of a row that a step leaves out by its settings."""
        self.count("left_out")
        if len(self.left_out) < KEPT_ERRORS:
            self.left_out.append((*self.place(number), reason))

    def note(self, name: str, values: NDArray[Any]) -> None:
        """Keep values of rows that leave, for the step on the whole dataset that asks for them."""
        self.notes.setdefault(name, []).append(values)

    def count(self, name: str, by: int = 1) -> None:
        """Add to a counter, named `step.what` (`filter.too_short`)."""
        if by:
            self.counts[name] += by
