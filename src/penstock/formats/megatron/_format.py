"""The format for recipes: one pair of files per split."""

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
from penstock.formats.megatron.reader import IndexedReader, pair_files, prefix_of
from penstock.formats.megatron.writer import merge, write_pair
from penstock.manifest import FileEntry, manifest_path


class MegatronFormat(Format):
    """Megatron's indexed dataset: a row is a document, its segments are sequences.

    The files are `{prefix}_{split}_{key}_document.bin` and `.idx`; if `train` is the only split,
    `{prefix}_{key}_document.bin` and `.idx`.
    """

    name = NAME
    fixed_rows = False
    looks_like = "pairs of a .bin and an .idx that begins with MMIDIDX"

    prefix: FileName | None = Field(
        None, description="The start of file names. Default: the dataset's name."
    )
    key: FileName = Field("text", description="The key of the text, as used in file names.")

    def verify(self, target: OutputSpec) -> None:
        """Raise ConfigError for padding, ids that cannot be stored and misleading file names."""
        if target.pad_id is not None:
            raise ConfigError(
                "megatron stores no padding, as its loaders fill windows themselves; remove `pad`",
                field="format",
            )
        dtype = _dtype(target)
        if dtype.kind not in "iu":
            raise ConfigError(f"ids must be integers, not {dtype.name}", field="format")
        for split in target.splits:
            stem = self._stem(target, split)
            # The only split is named as Megatron names it; the manifest says that it is `train`.
            if not _is_train_only(target) and (named := split_of(stem)) != split:
                raise ConfigError(
                    f"the name {stem} implies the split {named}, not {split}; choose a "
                    "prefix and a key without the name of a split between '_'",
                    field="format",
                )

    def shards(self, target: OutputSpec) -> Sequence[Shard]:
        """Return one shard per split; its path is the prefix of the pair."""
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
        name = prefix if _is_train_only(target) else f"{prefix}_{split}"
        return f"{name}_{self.key}_document"

    @classmethod
    def merge(cls, datasets: Sequence[Path], output: Path) -> Path:
        """Concatenate datasets of one pair each under a new prefix."""
        pairs = [_only_pair(path) for path in datasets]
        prefixes = [prefix for _, prefix in pairs]
        inputs = MergeInputs.of([(p, [file.name for file in pair_files(p)]) for p in prefixes])
        output = prefix_of(output)
        if output.is_dir():
            raise ConfigError("is a directory; name the prefix of new files", file=output)
        # The manifest comes last: a dataset that has one is complete.
        with staging_area(output, [*pair_files(output), manifest_path(output)]) as area:
            merged = area.directory / output.name
            sha256 = merge(prefixes, merged)
            # The new name decides the split; if it names none, the inputs do.
            split, splits = split_of(output.name), {split for split, _ in pairs}
            if split == "train" and len(splits) == 1:
                split = splits.pop()
            bin_path, idx_path = pair_files(merged)
            rows = IndexedReader(merged).documents
            files = [
                FileEntry.of(merged.parent, bin_path.name, rows, sha256, split),
                FileEntry.of(merged.parent, idx_path.name, split=split),
            ]
            manifest = inputs.manifest(format=NAME, files=files, counts={f"{split}.rows": rows})
            manifest_path(merged).write_bytes(manifest.to_json())
            for file in (bin_path, idx_path, manifest_path(merged)):
                sync(file)
            area.publish()
        return output

    @classmethod
    def find(cls, path: Path) -> Sequence[Path]:
        return find_datasets(path)

    @classmethod
    def open(cls, path: Path) -> MegatronDataset:
        return MegatronDataset(path)


def _is_train_only(target: OutputSpec) -> bool:
    """Return True if `train` is the only split; file names then contain no split."""
    return list(target.splits) == ["train"]


def _only_pair(path: Path) -> tuple[str, Path]:
    """Return the split and the prefix of a dataset with one pair."""
    splits = split_prefixes(path)
    if len(splits) > 1:
        raise ConfigError(
            f"has the splits {', '.join(splits)}; name the prefix of one of them", file=path
        )
    return next(iter(splits.items()))


def _dtype(target: OutputSpec) -> np.dtype[Any]:
    """Return the dtype of stored ids: Megatron's for the vocabulary, or that of the input."""
    if target.vocab_size is not None:
        return megatron_dtype(target.vocab_size)
    return storable(target.dtype)
