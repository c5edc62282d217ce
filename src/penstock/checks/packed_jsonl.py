"""The check of packed rows in JSON Lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from penstock.checks import _codes as codes
from penstock.checks._packed import DamagedRow, PackedCheck, PackedShard
from penstock.checks._packed.columns import Columns
from penstock.errors import DataError
from penstock.findings import Collector
from penstock.formats.packed_jsonl import FORMAT
from penstock.jsonl import BadLine, scan


class PackedJsonlCheck(PackedCheck):
    """Checks `SPLIT-00000-of-00001.jsonl` files: their names, lines and rows."""

    def shards(self, directory: Path, collector: Collector) -> Sequence[PackedShard]:
        """Return the shards, or none if the dataset cannot be opened."""
        try:
            dataset = FORMAT.open(directory)
        except DataError as error:
            code = codes.SHARD_MISSING if error.line is None else codes.SHARD_DAMAGED
            collector.add(code, error.message, file=Path(error.file), line=error.line)
            return []
        return [
            PackedShard(path, rows, partial(_read, path))
            for split in dataset.splits
            for path, rows in dataset.shards(split)
        ]


def _read(file: Path, numbers: Sequence[int]) -> Iterator[Columns | DamagedRow]:
    wanted = iter(numbers)
    number = next(wanted, None)
    for line, row in scan(file):
        if number is None:
            return
        if line == number + 1:
            yield _columns(row)
            number = next(wanted, None)


def _columns(row: Mapping[str, Any] | BadLine) -> Columns | DamagedRow:
    if isinstance(row, BadLine):
        return DamagedRow(codes.CODES[row.code], row.message)
    for name, values in row.items():
        if not isinstance(values, list) or not {*map(type, values)} <= {int}:
            return DamagedRow(codes.SHARD_DAMAGED, f"{name} is not a list of integers")
    try:
        return {name: np.array(values, np.int64) for name, values in row.items()}
    except OverflowError:
        return DamagedRow(codes.VALUE_RANGE, "a value does not fit 64 bits")


CHECK = PackedJsonlCheck(FORMAT)
