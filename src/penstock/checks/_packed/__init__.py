"""The check of packed rows; a format adds how its shards are found and read."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock.checks import _codes as codes
from penstock.checks._base import CheckOptions, FormatCheck
from penstock.checks._files import check_manifest
from penstock.checks._packed.columns import Columns, documents_of, problems
from penstock.checks._tokens.realness import check_range, check_realness
from penstock.checks._tokens.statistics import SAMPLE_TOKENS, Sample, spread
from penstock.checks._tokens.tokenizer import Vocabulary, find_vocabulary
from penstock.errors import DataError
from penstock.files import plural
from penstock.findings import Code, Collector

#: The maximum number of rows that are read, unless all are requested.
ROWS_READ = 4_000
#: The columns that a trainer needs.
_REQUIRED = (
    "inputs",
    "targets",
    "inputs_position",
    "inputs_segmentation",
    "targets_segmentation",
)


@dataclass(frozen=True)
class DamagedRow:
    """A record that cannot be decoded: the code and message of its finding."""

    code: Code
    message: str


@dataclass(frozen=True)
class PackedShard:
    """One file of packed rows.

    `read` takes ascending row numbers (from 0) and yields the columns of each row, or a DamagedRow.
    It raises DataError if the file cannot be read at all.
    """

    path: Path
    rows: int
    read: Callable[[Sequence[int]], Iterator[Columns | DamagedRow]]


class PackedCheck(FormatCheck):
    """Checks the files, rows and tokens of a directory of packed rows."""

    @abstractmethod
    def shards(self, directory: Path, collector: Collector) -> Sequence[PackedShard]:
        """Return the shards of a dataset, and report wrong file names and metadata."""

    def check(self, dataset: Path, collector: Collector, options: CheckOptions) -> int:
        """Check the files, the rows and the tokens of a dataset."""
        manifest = check_manifest(dataset, collector, full=options.full)
        vocabulary = find_vocabulary(dataset, manifest, options.tokenizer, collector)
        shards = self.shards(dataset, collector)
        total = sum(shard.rows for shard in shards)
        if shards:
            wanted = spread(total, total if options.full else min(total, ROWS_READ))
            if len(wanted) < total:
                message = f"{len(wanted):,} of {plural(total, 'row')} were read, evenly spread"
                collector.add(codes.DATA_SAMPLED, message, file=dataset)
            sample = _check_rows(shards, wanted, vocabulary, collector)
            check_realness(sample, vocabulary, collector, file=dataset)
        return total


def _check_rows(
    shards: Sequence[PackedShard],
    wanted: NDArray[np.int64],
    vocabulary: Vocabulary,
    collector: Collector,
) -> Sample:
    """Check the rows with the numbers `wanted`; return a sample of their tokens."""
    sampler = _Sampler(len(wanted))
    begin = 0
    for shard in shards:
        first, last = np.searchsorted(wanted, [begin, begin + shard.rows])
        numbers = (wanted[first:last] - begin).tolist()
        begin += shard.rows
        try:
            for number, row in zip(numbers, shard.read(numbers), strict=True):
                file, line = shard.path, number + 1
                if isinstance(row, DamagedRow):
                    collector.add(row.code, row.message, file=file, line=line)
                elif _check_row(row, vocabulary, collector, file=file, line=line):
                    sampler.add(row)
        except DataError as error:
            collector.add(codes.SHARD_DAMAGED, error.message, file=shard.path, line=error.line)
    return Sample.of(sampler.windows, positions=sampler.positions, padding=sampler.padding)


def _check_row(
    row: Columns, vocabulary: Vocabulary, collector: Collector, *, file: Path, line: int
) -> bool:
    """Report what is wrong with a row; return True if its documents can be separated."""
    found = list(problems(row))
    for code, message, count in found:
        collector.add(code, message, file=file, line=line, count=count)
    if missing := [name for name in _REQUIRED if name not in row]:
        message = f"rows have no {', '.join(missing)}"
        collector.add(codes.COLUMN_MISSING, message, file=file)
    if "inputs" not in row:
        return False
    check_range(row["inputs"], vocabulary, collector, file=file, line=line)
    unusable = (codes.ROW_SHAPE, codes.PADDING_INSIDE, codes.SEGMENTS_BROKEN)
    return not any(code in unusable for code, _, _ in found)


class _Sampler:
    """Takes the documents of every n-th row, so that the sample has about `SAMPLE_TOKENS`."""

    def __init__(self, rows: int) -> None:
        self.windows: list[NDArray[Any]] = []
        self.positions = self.padding = 0
        self._rows = rows
        self._seen = 0

    def add(self, row: Columns) -> None:
        inputs = row["inputs"]
        found = documents_of(row)
        self.positions += len(inputs)
        self.padding += len(inputs) - found.used
        stride = max(1, -(-self._rows * len(inputs) // SAMPLE_TOKENS))
        if self._seen % stride == 0:
            self.windows += found.split(inputs)
        self._seen += 1
