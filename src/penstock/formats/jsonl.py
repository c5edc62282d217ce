"""`jsonl`: rows of text as JSON Lines, the output of a recipe without `tokenize`.

notes/
  train.jsonl                           or, with rows_per_shard, train-00000-of-00004.jsonl, ...
  validation.jsonl
  penstock.json
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
from pydantic import Field

from penstock.errors import DataError
from penstock.formats._base import (
    Dataset,
    Format,
    OutputSpec,
    RowBlock,
    Shard,
    ShardedDataset,
    TokenRow,
    Written,
)
from penstock.formats._locate import directories_with_files, manifest_format
from penstock.manifest import MANIFEST_NAME, Manifest, read_manifest


class Jsonl(Format):
    """Rows of text as JSON Lines: one JSON object per line, in UTF-8."""

    name: ClassVar[str] = "jsonl"
    takes_tokens: ClassVar[bool] = False
    fixed_rows: ClassVar[bool] = False
    looks_like: ClassVar[str] = "a directory whose penstock.json says jsonl"

    rows_per_shard: int | None = Field(
        None, gt=0, description="The maximum number of rows of a file; null: one file per split."
    )

    def shards(self, target: OutputSpec) -> Sequence[Shard]:
        shards = []
        for split, shape in target.splits.items():
            per_shard = self.rows_per_shard or max(shape.rows, 1)
            count = max(-(-shape.rows // per_shard), 1)
            for index in range(count):
                number = f"-{index:05d}-of-{count:05d}" if self.rows_per_shard else ""
                stop = min((index + 1) * per_shard, shape.rows)
                shards.append(Shard(split, f"{split}{number}.jsonl", index * per_shard, stop))
        return shards

    def write(
        self, directory: Path, shard: Shard, target: OutputSpec, blocks: Iterable[RowBlock]
    ) -> Sequence[Written]:
        with (directory / shard.path).open("wb") as out:
            for block in blocks:
                ends = np.cumsum(block.lengths, dtype=np.int64)[block.first[1:] - 1]
                out.write(np.insert(block.ids, ends, ord("\n")).data)
        return [Written(shard.path, shard.stop - shard.start)]

    @classmethod
    def find(cls, path: Path) -> Sequence[Path]:
        return [
            directory
            for directory, files in directories_with_files(path)
            if MANIFEST_NAME in files and manifest_format(directory) == cls.name
        ]

    @classmethod
    def open(cls, path: Path) -> Dataset:
        manifest = read_manifest(path)
        if manifest is None:
            raise DataError(f"has no {MANIFEST_NAME}; build it again", file=path)
        return JsonlDataset(path, manifest)


class JsonlDataset(ShardedDataset):
    """Rows of text: the only column `row` (uint8) is a JSON object in UTF-8."""

    def __init__(self, path: Path, manifest: Manifest) -> None:
        shards: dict[str, list[tuple[Path, int]]] = {}
        for entry in manifest.files:
            if entry.path.endswith(".jsonl"):  # others are metadata
                split = entry.split or entry.path.removesuffix(".jsonl").partition("-")[0]
                shards.setdefault(split, []).append((path / entry.path, entry.rows or 0))
        super().__init__(path, shards)

    def shard_rows(self, file: Path, count: int, start: int, stop: int) -> Iterator[TokenRow]:
        number = 0
        try:
            with file.open("rb") as stream:
                for number, line in enumerate(stream, 1):
                    if start < number <= stop:
                        row = np.frombuffer(line.rstrip(b"\n"), np.uint8)
                        yield TokenRow({"row": row}, file, number)
        except OSError as error:
            raise DataError(f"cannot be read: {error.strerror}", file=file) from None
        if number != count:
            raise DataError(f"has {number:,} rows, not the {count:,} of the manifest", file=file)


FORMAT = Jsonl
