"""`packed_jsonl`: packed rows as JSON Lines, one object per row, each column a list.

    notes/
      train-00000-of-00002.jsonl     {"inputs": [...], "targets": [...], ...}
      validation-00000-of-00001.jsonl

Hugging Face `datasets` finds the splits by these file names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import orjson
from numpy.typing import NDArray

from penstock.errors import DataError
from penstock.formats._base import OutputSpec, Shard, ShardedDataset, TokenRow
from penstock.formats._locate import manifest_format
from penstock.formats._packed import PackedFormat
from penstock.jsonl import BadLine, read_rows, scan

_SHARD = re.compile(r"(?P<split>[\w-]+)-(?P<index>\d{5,})-of-(?P<count>\d{5,})\.jsonl")
_INT32 = np.iinfo(np.int32)


class PackedJsonlDataset(ShardedDataset):
    """A directory of packed rows in JSON Lines.

    `context` is the length of every row and `columns` are the column names, as in the first row.
    Raises DataError for a missing shard and for a directory without rows.
    """

    def __init__(self, path: Path) -> None:
        shards = {
            split: [(file, _count_lines(file)) for file in files]
            for split, files in _shard_files(path).items()
        }
        super().__init__(path, shards)
        first = next((file for files in shards.values() for file, rows in files if rows), None)
        if first is None:
            raise DataError("has no rows", file=path)
        row = next(read_rows(first))[1]
        self.columns = list(row)
        self.context = len(_integers(row, "inputs", first, 1))

    def shard_rows(self, file: Path, count: int, start: int, stop: int) -> Iterator[TokenRow]:
        for line, row in read_rows(file):
            if line > stop:
                break
            if line > start:
                yield TokenRow(self._columns(row, file, line), file, line)

    def _columns(self, row: dict[str, Any], file: Path, line: int) -> dict[str, NDArray[np.int32]]:
        if row.keys() != set(self.columns):
            names = ", ".join(self.columns)
            message = f"the columns differ from those of the first row ({names})"
            raise DataError(message, file=file, line=line)
        columns = {name: _integers(row, name, file, line) for name in self.columns}
        for name, values in columns.items():
            if len(values) != self.context:
                found = f"{len(values):,} values, not {self.context:,} as in the first row"
                raise DataError(f"{name} has {found}", file=file, line=line)
        return columns


class PackedJsonl(PackedFormat):
    """Packed rows as JSON Lines, for inspection and for programs that read JSON only."""

    name: ClassVar[str] = "packed_jsonl"
    looks_like: ClassVar[str] = "a directory of SPLIT-00000-of-00001.jsonl files, `inputs` in each"

    def shards(self, target: OutputSpec) -> Sequence[Shard]:
        return self.split_shards(target, "{split}-{index:05d}-of-{count:05d}.jsonl")

    def write_columns(self, file: Path, blocks: Iterable[dict[str, NDArray[np.int32]]]) -> int:
        option = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE
        rows = 0
        with file.open("wb") as out:
            for columns in blocks:
                rows += len(columns["inputs"])
                names = list(columns)
                for row in zip(*columns.values(), strict=True):
                    out.write(orjson.dumps(dict(zip(names, row, strict=True)), option=option))
        return rows

    @classmethod
    def recognizes(cls, directory: Path, files: Sequence[str]) -> bool:
        """Return True if the first row is packed, or is unreadable and the manifest says so."""
        shard = next(filter(_SHARD.fullmatch, files), None)
        if shard is None:
            return False
        _, row = next(scan(directory / shard), (1, None))
        if row is None or isinstance(row, BadLine):
            return manifest_format(directory) == cls.name
        return isinstance(row.get("inputs"), list)

    @classmethod
    def open(cls, path: Path) -> PackedJsonlDataset:
        return PackedJsonlDataset(path)


def _shard_files(directory: Path) -> dict[str, list[Path]]:
    """Return the shards of every split, in order; raises DataError if one is missing."""
    found: dict[str, dict[str, Path]] = {}
    counts: dict[str, int] = {}
    for entry in sorted(directory.iterdir()):
        if match := _SHARD.fullmatch(entry.name):
            split, count = match["split"], int(match["count"])
            if counts.setdefault(split, count) != count:
                message = f"its name counts {count:,} shards, others count {counts[split]:,}"
                raise DataError(message, file=entry)
            found.setdefault(split, {})[entry.name] = entry
    for split, files in found.items():
        for index in range(counts[split]):
            name = f"{split}-{index:05d}-of-{counts[split]:05d}.jsonl"
            if name not in files:
                raise DataError(
                    "there is no such file, but other shards imply it (they are numbered from 0)",
                    file=directory / name,
                )
        if len(files) > counts[split]:
            message = "its number is not below the number of shards"
            raise DataError(message, file=max(files.values()))
    return {split: list(files.values()) for split, files in found.items()}


def _count_lines(file: Path) -> int:
    lines, last = 0, b"\n"
    with file.open("rb") as stream:
        while part := stream.read(1 << 20):
            lines, last = lines + part.count(b"\n"), part
    return lines + (last[-1:] != b"\n")


def _integers(row: dict[str, Any], name: str, file: Path, line: int) -> NDArray[np.int32]:
    """Return a column of a row; raises DataError if it is not a list of int32."""
    values = row.get(name)
    if not isinstance(values, list) or set(map(type, values)) != {int}:
        raise DataError(f"{name} is not a list of integers", file=file, line=line)
    if min(values) < _INT32.min or max(values) > _INT32.max:
        raise DataError(f"{name} has a value outside of int32", file=file, line=line)
    return np.array(values, np.int32)


FORMAT = PackedJsonl
