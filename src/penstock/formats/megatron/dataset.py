"""Datasets of `.bin`/`.idx` pairs: finding them, reading documents as rows, writing, merging."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from penstock.config import FileName
from penstock.errors import ConfigError, DataError, did_you_mean_path
from penstock.files import is_staging, natural_path_key, sync
from penstock.formats._base import Dataset, Format, OutputSpec, RowBlock, Shard, TokenRow, Written
from penstock.formats._locate import directories_with_files, manifest_format
from penstock.formats._merge import MergeInputs, staging_area
from penstock.formats.megatron.layout import MAGIC, megatron_dtype, storable
from penstock.formats.megatron.reader import IndexedReader, pair_files, prefix_of
from penstock.formats.megatron.writer import merge, write_pair
from penstock.manifest import (
    MANIFEST_NAME,
    FileEntry,
    base_dir,
    find_manifest,
    manifest_path,
    read_manifest,
)
from penstock.splits import SPLIT_NAMES

NAME = "megatron"
#: `notes_validation_text_document`: the split precedes the key of the text.
_SPLIT = re.compile(rf".*_({'|'.join(SPLIT_NAMES)})_.+_(?:document|sentence)")
#: A `.bin` with such a name and no `.idx` is left by a preprocessing run that failed.
_LEVELS = ("_document", "_sentence")
_DOCUMENTS_AT_A_TIME = 1 << 12


class MegatronDataset(Dataset):
    """One pair of files, or one pair per split. A row is a document.

    `readers` holds the open pair of each split. Raises DataError for a pair that cannot be read or
    does not hold ids.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.readers = {split: IndexedReader(p) for split, p in split_prefixes(path).items()}
        self.splits = {split: reader.documents for split, reader in self.readers.items()}
        for reader in self.readers.values():
            reader.require_ids()

    def rows(self, split: str, start: int = 0, stop: int | None = None) -> Iterator[TokenRow]:
        """Yield documents, numbered from 1, with their ids as `inputs` in the dtype of the file."""
        reader = self.readers[split]
        stop = reader.documents if stop is None else min(stop, reader.documents)
        for block in range(start, stop, _DOCUMENTS_AT_A_TIME):
            last = min(block + _DOCUMENTS_AT_A_TIME, stop)
            bounds = reader.document_bounds(block, last).tolist()
            for number, (begin, end) in enumerate(pairwise(bounds), block + 1):
                yield TokenRow({"inputs": reader.ids[begin:end]}, reader.bin_path, number)


def split_prefixes(path: Path) -> dict[str, Path]:
    """Return the prefix of each split of a dataset: a directory, a prefix, or a file of a pair.

    The manifest assigns splits to pairs; without one, `split_of` does. Raises DataError if there is
    no pair, or two pairs have the same split.
    """
    path = path if path.is_dir() else prefix_of(path)
    prefixes = _manifest_splits(path) or {p: split_of(p.name) for p in _prefixes_of(path)}
    if not prefixes:
        raise DataError("holds no pair of .bin and .idx", file=path)
    splits: dict[str, Path] = {}
    for prefix, split in prefixes.items():
        if split in splits:
            raise DataError(
                f"{splits[split].name} and {prefix.name} both have the split {split}; name one of "
                "the prefixes",
                file=path,
            )
        splits[split] = prefix
    ordered = [*SPLIT_NAMES, *sorted(splits)]
    return {split: splits[split] for split in ordered if split in splits}


def split_of(stem: str) -> str:
    """Return the split in the name of a pair, which precedes the key; default `train`."""
    match = _SPLIT.fullmatch(stem)
    return match[1] if match else "train"


def _manifest_splits(path: Path) -> dict[Path, str]:
    """Return the split of each prefix that a manifest lists."""
    splits = {}
    if (found := find_manifest(path)) is not None:
        for entry in found.files:
            if entry.path.endswith((".bin", ".idx")):
                prefix = prefix_of(base_dir(found.owner) / entry.path)
                splits[prefix] = entry.split or split_of(prefix.name)
    return splits


def _prefixes_of(path: Path) -> list[Path]:
    if path.is_dir():
        return _pairs_in(path, sorted(entry.name for entry in path.iterdir()))
    if any(file.is_file() for file in pair_files(path)):
        return [path]
    message = f"there is no such directory and no {path.name}.bin{did_you_mean_path(path)}"
    raise DataError(message, file=path)


def _datasets_in(directory: Path, files: list[str]) -> list[Path]:
    if MANIFEST_NAME in files:
        # If the manifest is damaged, the files decide; opening the dataset reports the damage.
        format = manifest_format(directory)
        return [directory] if (format == NAME if format else _pairs_in(directory, files)) else []
    described = {}
    for name in files:
        if name.endswith(f".{MANIFEST_NAME}"):
            dataset = directory / name.removesuffix(f".{MANIFEST_NAME}")
            if manifest_format(dataset) == NAME and (manifest := read_manifest(dataset)):
                described[dataset] = {prefix_of(directory / entry.path) for entry in manifest.files}
    covered = set().union(*described.values())
    return [*described, *(pair for pair in _pairs_in(directory, files) if pair not in covered)]


def _pairs_in(directory: Path, files: Iterable[str]) -> list[Path]:
    """Return the prefixes in one directory, without `.idx` and `.bin` files of other programs."""
    names = {name for name in files if not is_staging(name)}
    indices = {name.removesuffix(".idx") for name in names if name.endswith(".idx")}
    tokens = {name.removesuffix(".bin") for name in names if name.endswith(".bin")}
    found = indices & tokens
    found |= {stem for stem in indices - tokens if _is_index(directory / f"{stem}.idx")}
    found |= {stem for stem in tokens - indices if stem.endswith(_LEVELS)}
    return [directory / stem for stem in sorted(found)]


def _is_index(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(len(MAGIC)) == MAGIC


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
        # The path of a shard is the prefix of its pair.
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
        """Return every dataset at or below a directory, in natural order, or the prefix itself.

        A dataset with a manifest is one result (its directory, or its prefix); so is every other
        pair. Raises DataError for a directory that cannot be read.
        """
        if not path.is_dir():
            prefix = prefix_of(path)
            known = (*pair_files(prefix), prefix.with_name(f"{prefix.name}.{MANIFEST_NAME}"))
            return [prefix] if any(file.is_file() for file in known) else []
        tree = directories_with_files(path)
        found = [dataset for directory, files in tree for dataset in _datasets_in(directory, files)]
        return sorted(found, key=natural_path_key)

    @classmethod
    def open(cls, path: Path) -> MegatronDataset:
        return MegatronDataset(path)


def _is_train_only(target: OutputSpec) -> bool:
    """Return True if `train` is the only split; file names then contain no split."""
    return list(target.splits) == ["train"]


def _only_pair(path: Path) -> tuple[str, Path]:
    splits = split_prefixes(path)
    if len(splits) > 1:
        names = ", ".join(splits)
        raise ConfigError(f"has the splits {names}; name the prefix of one of them", file=path)
    return next(iter(splits.items()))


def _dtype(target: OutputSpec) -> np.dtype[Any]:
    """Return the dtype of stored ids: Megatron's for the vocabulary, or that of the input."""
    if target.vocab_size is not None:
        return megatron_dtype(target.vocab_size)
    return storable(target.dtype)
