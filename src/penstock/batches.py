"""What flows through a build: batches of rows, then of tokens, and the counts of each step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock.errors import DataError
from penstock.step_report import READ, STORE, UNUSABLE, StepReport

#: How many bad or dropped rows of an input split are kept with file and line; all are counted.
KEPT_LOCATIONS = 20


@dataclass
class RowBatch:
    """Consecutive documents of one input split; a document is one row, after `chat` one or more.

    `numbers[i]` is the number of document i within the input split, from 0. `rows_per_document`
    (int64, None for one row each) says how many of `rows` belong to it. `columns` holds one value
    a document (first dimension) for steps on the whole dataset: `split` (uint8), hashes, ...
    """

    rows: list[dict[str, Any]]
    numbers: Sequence[int]
    columns: dict[str, NDArray[Any]] = field(default_factory=dict)
    rows_per_document: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, kept: Sequence[int]) -> RowBatch:
        """Return the batch of the documents at the indices `kept`."""
        indices = np.asarray(kept, np.int64)
        counts = self.rows_per_document
        if counts is None:
            rows = [self.rows[index] for index in kept]
        else:
            documents = list(self.documents())
            rows = list(chain.from_iterable(documents[index] for index in kept))
        return RowBatch(
            rows,
            [self.numbers[index] for index in kept],
            {name: column[indices] for name, column in self.columns.items()},
            None if counts is None else counts[indices],
        )

    def documents(self) -> Iterator[Sequence[dict[str, Any]]]:
        """Yield the rows of each document."""
        if self.rows_per_document is None:
            for row in self.rows:
                yield (row,)
        else:
            for first, end in pairwise([0, *np.cumsum(self.rows_per_document).tolist()]):
                yield self.rows[first:end]


@dataclass
class TokenBatch:
    """The tokens of consecutive documents of one input split.

    `ids` (flat, in the dtype that is stored) holds the sequences one after the other; `lengths`
    (int32, one a sequence) are in tokens; `sequences` (int32) has the number of sequences of each
    document. `numbers` and `columns` are per document, as in RowBatch.
    """

    ids: NDArray[Any]
    lengths: NDArray[np.int32]
    sequences: NDArray[np.int32]
    numbers: Sequence[int]
    columns: dict[str, NDArray[Any]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.sequences)


class RowStats:
    """Counts what the steps do to the rows of one input split; rejects or skips bad rows.

    `locate` turns the number of a row within the input split into its file and line (from 1). With
    `skip` a bad row is counted and dropped; without, the first one raises. `problem_with` returns
    why the format of the dataset cannot store a row, or None.
    """

    def __init__(
        self,
        locate: Callable[[int], tuple[str, int]],
        *,
        skip: bool = False,
        problem_with: Callable[[Mapping[str, Any]], str | None] = lambda row: None,
        steps: Sequence[str] = (),
    ) -> None:
        self.locate = locate
        self.skip = skip
        self.problem_with = problem_with
        #: Of reading, of each step, and of storing rows in the format of the dataset.
        self.reports = [StepReport(name) for name in (READ, *steps, STORE)]
        self.current = self.reports[0]
        #: (file, line, reason) of the first bad rows, and of the first rows dropped by name.
        self.errors: list[tuple[str, int, str]] = []
        self.dropped_rows: list[tuple[str, int, str]] = []
        self.kept_aside: dict[str, list[NDArray[Any]]] = {}
        self.unusable = 0
        self.dropped_singly = 0

    @contextmanager
    def step(self, index: int) -> Iterator[StepReport]:
        """Count for the step with this index within the block; len(steps) is storing."""
        before, self.current = self.current, self.reports[index + 1]
        try:
            yield self.current
        finally:
            self.current = before

    def bad(self, number: int, reason: str) -> None:
        """Record that a row cannot be used; `reason` names the field, never the text.

        Raises DataError, with file and line, unless bad rows are skipped.
        """
        if not self.skip or self.unusable < KEPT_LOCATIONS:
            file, line = self.locate(number)
            if not self.skip:
                raise DataError(reason, file=file, line=line)
            self.errors.append((file, line, reason))
        self.unusable += 1
        self.current.drop(UNUSABLE)

    def drop(self, reason: str, count: int = 1) -> None:
        """Count rows that the current step drops by its settings."""
        if count:
            self.current.drop(reason, count)

    def drop_row(self, number: int, reason: str, detail: str) -> None:
        """Count one row that the current step drops, and keep its file and line for the summary."""
        self.current.drop(reason)
        self.dropped_singly += 1
        if len(self.dropped_rows) < KEPT_LOCATIONS:
            self.dropped_rows.append((*self.locate(number), detail))

    def note(self, what: str, count: int = 1) -> None:
        """Add to another counter of the current step."""
        self.current.note(what, count)

    def keep_aside(self, name: str, values: NDArray[Any]) -> None:
        """Keep values of dropped rows for a step on the whole dataset (`OrderContext.aside`)."""
        self.kept_aside.setdefault(name, []).append(values)
