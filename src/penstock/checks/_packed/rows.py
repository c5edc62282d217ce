"""The rows of packed shards: all, or a stated part of them, each held against what it must be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock.checks import _codes as codes
from penstock.checks._collect import Code, Collector
from penstock.checks._packed.columns import Columns, documents_of, problems
from penstock.checks._tokens.realness import check_range
from penstock.checks._tokens.sample import SAMPLE_TOKENS, Sample, spread
from penstock.checks._tokens.vocabulary import Vocabulary
from penstock.errors import DataError
from penstock.files import plural

#: How many rows are read where not all are asked for.
ROWS_READ = 4_000
#: What a trainer needs of packed rows.
_NEEDED = (
    "inputs",
    "targets",
    "inputs_position",
    "inputs_segmentation",
    "targets_segmentation",
)


@dataclass(frozen=True)
class Damaged:
    """A record that gives no row: the code of the finding, and its words."""

    code: Code
    message: str


@dataclass(frozen=True)
class PackedShard:
    """One file of packed rows.

    `read` yields, for each of these numbers (from 0, ascending), the columns of a row or what is
    wrong with it; it raises DataError for a file that cannot be read at all.
    """

    path: Path
    rows: int
    read: Callable[[Sequence[int]], Iterator[Columns | Damaged]]


def check_rows(
    shards: Sequence[PackedShard],
    vocabulary: Vocabulary,
    collector: Collector,
    *,
    place: Path,
    full: bool,
) -> Sample:
    """Find what is wrong with the rows of a dataset; return a sample of their tokens.

    Without `full` at most `ROWS_READ` rows are read, evenly spread, which a finding says.
    """
    total = sum(shard.rows for shard in shards)
    wanted = spread(total, total if full else min(total, ROWS_READ))
    if len(wanted) < total:
        message = f"{len(wanted):,} of {plural(total, 'row')} were read, evenly spread"
        collector.add(codes.DATA_SAMPLED, message, file=place)
    gathered = _Gathered(len(wanted))
    begin = 0
    for shard in shards:
        cuts = np.searchsorted(wanted, [begin, begin + shard.rows])
        numbers = (wanted[cuts[0] : cuts[1]] - begin).tolist()
        begin += shard.rows
        try:
            for number, columns in zip(numbers, shard.read(numbers), strict=True):
                file, line = shard.path, number + 1
                if isinstance(columns, Damaged):
                    collector.add(columns.code, columns.message, file=file, line=line)
                elif _check_row(columns, vocabulary, collector, file=file, line=line):
                    gathered.add(columns)
        except DataError as error:
            collector.add(codes.SHARD_DAMAGED, error.message, file=shard.path, line=error.line)
    return Sample.of(gathered.windows, places=gathered.places, padding=gathered.padding)


def _check_row(
    columns: Columns, vocabulary: Vocabulary, collector: Collector, *, file: Path, line: int
) -> bool:
    """Find what is wrong with a row; say whether its tokens can be looked at."""
    found = list(problems(columns))
    for code, words, count in found:
        collector.add(code, words, file=file, line=line, count=count)
    if missing := [name for name in _NEEDED if name not in columns]:
        message = f"rows have no {', '.join(missing)}"
        collector.add(codes.COLUMN_MISSING, message, file=file)
    if "inputs" not in columns:
        return False
    check_range(columns["inputs"], vocabulary, collector, file=file, line=line)
    unusable = (codes.ROW_SHAPE, codes.PADDING_INSIDE, codes.SEGMENTS_BROKEN)
    return not any(code in unusable for code, _, _ in found)


class _Gathered:
    """Documents of rows, evenly taken from all that are read, up to the size of a sample."""

    def __init__(self, rows: int) -> None:
        self.windows: list[NDArray[Any]] = []
        self.places = self.padding = 0
        self._rows = rows
        self._seen = 0

    def add(self, columns: Columns) -> None:
        inputs = columns["inputs"]
        found = documents_of(columns)
        self.places += len(inputs)
        self.padding += len(inputs) - found.used
        stride = max(1, -(-self._rows * len(inputs) // SAMPLE_TOKENS))
        if self._seen % stride == 0:
            self.windows += found.split(inputs)
        self._seen += 1
