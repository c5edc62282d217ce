"""The format as a recipe names it: one pair of files a split."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from penstock.errors import ConfigError
from penstock.files import write_atomic
from penstock.formats._base import Format, RowBlock, Shard, Target, Written
from penstock.formats._merged import merged_manifest
from penstock.formats.megatron.dataset import (
    NAME,
    MegatronDataset,
    find_datasets,
    split_prefixes,
)
from penstock.formats.megatron.layout import megatron_dtype, storable
from penstock.formats.megatron.merging import merge
from penstock.formats.megatron.reader import IndexedReader, pair_files
from penstock.formats.megatron.writer import write_pair
from penstock.manifest import FileEntry, manifest_path

_PART = r"^[^/\\]+$"


class MegatronFormat(Format):
    """Megatron's indexed dataset: a row is a document, its segments are sequences.

    The files are `{prefix}_{key}_document.bin` and `.idx`, and `{prefix}_{split}_{key}_document`
    where there is more than the split `train`.
    """

    name = NAME
    fixed_rows = False
    looks_like = "pairs of a .bin and an .idx that begins with MMIDIDX"

    prefix: str | None = Field(
        None, pattern=_PART, description="What file names begin with. Default: the dataset's name."
    )
    key: str = Field(
        "text", pattern=_PART, description="The key of the text, as it stands in the file names."
    )

    def verify(self, target: Target) -> None:
        """Refuse padding, and ids that cannot be stored."""
        if target.pad_id is not None:
            raise ConfigError(
                "megatron stores no padding, its loaders fill windows themselves; remove `pad`",
                field="format",
            )
        dtype = _dtype(target)
        if dtype.kind not in "iu":
            raise ConfigError(f"ids are whole numbers, not {dtype.name}", field="format")

    def shards(self, target: Target) -> Sequence[Shard]:
        """Return one shard a split; its path is the prefix of the pair."""
        return [
            Shard(split, self._stem(target, split), 0, shape.rows)
            for split, shape in target.splits.items()
        ]

    def write(
        self, directory: Path, shard: Shard, target: Target, blocks: Iterable[RowBlock]
    ) -> Sequence[Written]:
        """Write one pair, byte for byte what megatron-core's IndexedDatasetBuilder writes."""
        shape = target.splits[shard.split]
        prefix = directory / shard.path
        with write_pair(
            prefix, _dtype(target), sequences=shape.segments, documents=shape.rows
        ) as out:
            for block in blocks:
                out.add(block.ids, block.lengths, np.diff(block.first))
        return [
            Written(f"{shard.path}.bin", shape.rows, out.sha256),
            Written(f"{shard.path}.idx", None),
        ]

    def _stem(self, target: Target, split: str) -> str:
        prefix = self.prefix or target.name
        whole = list(target.splits) == ["train"]
        return f"{prefix}_{self.key}_document" if whole else f"{prefix}_{split}_{self.key}_document"

    @classmethod
    def merge(cls, datasets: Sequence[Path], output: Path) -> Path:
        """Join the pairs of all datasets, each of which must be one, under a new prefix."""
        prefixes = [_only_pair(path) for path in datasets]
        merged = merge(prefixes, output)
        _describe(prefixes, merged)
        return merged

    @classmethod
    def find(cls, path: Path) -> Sequence[Path]:
        """Return every dataset of this format at or below a path, or at a prefix."""
        return find_datasets(path)

    @classmethod
    def open(cls, path: Path) -> MegatronDataset:
        """Open a directory, a prefix, or either file of a pair."""
        return MegatronDataset(path)


def _only_pair(path: Path) -> Path:
    splits = split_prefixes(path)
    if len(splits) > 1:
        raise ConfigError(
            f"has the splits {', '.join(splits)}; name the prefix of one of them", file=path
        )
    return next(iter(splits.values()))


def _describe(prefixes: Sequence[Path], merged: Path) -> None:
    """Write the manifest of merged pairs."""
    documents = IndexedReader(merged).documents
    files = [
        FileEntry.of(merged.parent, file.name, rows)
        for file, rows in zip(pair_files(merged), (documents, None), strict=True)
    ]
    manifest = merged_manifest(
        {prefix: [file.name for file in pair_files(prefix)] for prefix in prefixes},
        format=NAME,
        files=files,
        counts={"train.rows": documents},
    )
    write_atomic(manifest_path(merged), manifest.to_json())


def _dtype(target: Target) -> np.dtype[Any]:
    """Return what ids are stored as: what Megatron takes for the vocabulary, or as they come."""
    if target.vocab_size is not None:
        return megatron_dtype(target.vocab_size)
    return storable(target.dtype)
