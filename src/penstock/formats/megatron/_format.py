"""The format as a recipe names it: one pair of files a split."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from penstock.config import FileName
from penstock.errors import ConfigError
from penstock.files import sync
from penstock.formats._base import Format, OutputSpec, RowBlock, Shard, Written
from penstock.formats._merge import MergeInputs, staging_area
from penstock.formats.megatron.dataset import (
    NAME,
    MegatronDataset,
    find_datasets,
    split_of,
    split_prefixes,
)
from penstock.formats.megatron.layout import megatron_dtype, storable
from penstock.formats.megatron.merging import merge
from penstock.formats.megatron.reader import IndexedReader, pair_files, prefix_of
from penstock.formats.megatron.writer import write_pair
from penstock.manifest import FileEntry, Manifest, manifest_path


class MegatronFormat(Format):
    """Megatron's indexed dataset: a row is a document, its segments are sequences.

    The files are `{prefix}_{key}_document.bin` and `.idx`, and `{prefix}_{split}_{key}_document`
    where there is more than the split `train`.
    """

    name = NAME
    fixed_rows = False
    looks_like = "pairs of a .bin and an .idx that begins with MMIDIDX"

    prefix: FileName | None = Field(
        None, description="What file names begin with. Default: the dataset's name."
    )
    key: FileName = Field(
        "text", description="The key of the text, as it stands in the file names."
    )

    def verify(self, target: OutputSpec) -> None:
        """Refuse padding, ids that cannot be stored, and names that tell another split."""
        if target.pad_id is not None:
            raise ConfigError(
                "megatron stores no padding, its loaders fill windows themselves; remove `pad`",
                field="format",
            )
        dtype = _dtype(target)
        if dtype.kind not in "iu":
            raise ConfigError(f"ids are whole numbers, not {dtype.name}", field="format")
        for split in target.splits:
            stem = self._stem(target, split)
            # A whole dataset is named as Megatron names it; that it is `train`, its manifest says.
            if not _is_whole(target) and (told := split_of(stem)) != split:
                raise ConfigError(
                    f"by its name {stem} is of the split {told}, not of {split}; take a prefix and "
                    "a key in which no split stands between '_'",
                    field="format",
                )

    def shards(self, target: OutputSpec) -> Sequence[Shard]:
        """Return one shard a split; its path is the prefix of the pair."""
        return [
            Shard(split, self._stem(target, split), 0, shape.rows)
            for split, shape in target.splits.items()
        ]

    def write(
        self, directory: Path, shard: Shard, target: OutputSpec, blocks: Iterable[RowBlock]
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

    def _stem(self, target: OutputSpec, split: str) -> str:
        prefix = self.prefix or target.name
        name = prefix if _is_whole(target) else f"{prefix}_{split}"
        return f"{name}_{self.key}_document"

    @classmethod
    def merge(cls, datasets: Sequence[Path], output: Path) -> Path:
        """Join the pairs of all datasets, each of which must be one, under a new prefix."""
        pairs = [_only_pair(path) for path in datasets]
        prefixes = [prefix for _, prefix in pairs]
        parts = MergeInputs.of([(p, [file.name for file in pair_files(p)]) for p in prefixes])
        output = prefix_of(output)
        if output.is_dir():
            raise ConfigError("is a directory; name the prefix of new files", file=output)
        # The manifest comes last: what has one is whole.
        with staging_area(output, [*pair_files(output), manifest_path(output)]) as place:
            made = merge(prefixes, place.directory / output.name)
            split = _merged_split(output, {split for split, _ in pairs})
            manifest_path(made).write_bytes(_described(made, split, parts).to_json())
            sync(manifest_path(made))
            place.publish()
        return output

    @classmethod
    def find(cls, path: Path) -> Sequence[Path]:
        """Return every dataset of this format at or below a path, or at a prefix."""
        return find_datasets(path)

    @classmethod
    def open(cls, path: Path) -> MegatronDataset:
        """Open a directory, a prefix, or either file of a pair."""
        return MegatronDataset(path)


def _is_whole(target: OutputSpec) -> bool:
    """Say whether there is no split but `train`, which then stands in no name."""
    return list(target.splits) == ["train"]


def _only_pair(path: Path) -> tuple[str, Path]:
    """Return the split and the prefix of a dataset that is one pair."""
    splits = split_prefixes(path)
    if len(splits) > 1:
        raise ConfigError(
            f"has the splits {', '.join(splits)}; name the prefix of one of them", file=path
        )
    return next(iter(splits.items()))


def _merged_split(output: Path, splits: set[str]) -> str:
    """Return the split of merged pairs: what their new name tells, or that of all of them."""
    told = split_of(output.name)
    return splits.pop() if told == "train" and len(splits) == 1 else told


def _described(merged: Path, split: str, parts: MergeInputs) -> Manifest:
    """Return the manifest of merged pairs."""
    documents = IndexedReader(merged).documents
    files = [
        FileEntry.of(merged.parent, file.name, rows, split=split)
        for file, rows in zip(pair_files(merged), (documents, None), strict=True)
    ]
    return parts.manifest(format=NAME, files=files, counts={f"{split}.rows": documents})


def _dtype(target: OutputSpec) -> np.dtype[Any]:
    """Return what ids are stored as: what Megatron takes for the vocabulary, or as they come."""
    if target.vocab_size is not None:
        return megatron_dtype(target.vocab_size)
    return storable(target.dtype)
