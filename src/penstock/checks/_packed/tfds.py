"""TFDS's layout: what the JSON files say, which shards there are, and the rows in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import orjson

from penstock.checks import _codes as codes
from penstock.checks._collect import Collector
from penstock.checks._packed.checker import PackedChecker
from penstock.checks._packed.columns import Columns
from penstock.checks._packed.rows import Damaged, PackedShard
from penstock.errors import DataError, did_you_mean
from penstock.formats import (
    TfdsDataset,
    TfdsFormat,
    TfdsLayout,
    missing_and_strange,
    read_layout,
)

_INFO_NAME = "dataset_info.json"
#: The fields of DatasetInfo and of SplitInfo (tensorflow_datasets/core/proto/dataset_info.proto).
_INFO_KEYS = frozenset(
    (
        "alternativeFileFormats",
        "citation",
        "configDescription",
        "configName",
        "configTags",
        "dataSourceAccesses",
        "description",
        "disableShuffling",
        "downloadChecksums",
        "downloadSize",
        "features",
        "fileFormat",
        "isBlocked",
        "location",
        "moduleName",
        "name",
        "nondeterministicOrder",
        "redistributionInfo",
        "releaseNotes",
        "schema",
        "sizeInBytes",
        "splits",
        "supervisedKeys",
        "version",
    )
)
_SPLIT_KEYS = frozenset(
    (
        "filepathTemplate",
        "name",
        "numBytes",
        "numShards",
        "shardLengths",
        "statistics",
    )
)
#: What TFRecord puts around each record, which TFDS does not count.
_FRAME_BYTES = 16


class TfdsChecker(PackedChecker):
    """Checks directories that `tfds.builder_from_directory` is to load."""

    of: ClassVar[type[TfdsFormat]]

    def shards(self, directory: Path, collector: Collector) -> Sequence[PackedShard]:
        """Return the shards, or none where the files are not those that the JSON files name."""
        try:
            layout = read_layout(directory)
        except DataError as error:
            file = Path(error.file)
            collector.add(codes.INFO_UNREADABLE, error.message, file=file, line=error.line)
            return []
        _check_keys(directory, collector)
        _check_names(directory, layout, collector)
        if not _check_shards(directory, layout, collector):
            return []
        _check_sizes(directory, layout, collector)
        dataset = self.of.open(directory)
        return [
            PackedShard(path, rows, partial(_read, dataset, path, rows))
            for split in dataset.splits
            for path, rows in dataset.shards(split)
        ]


def _read(
    dataset: TfdsDataset, path: Path, rows: int, numbers: Sequence[int]
) -> Iterator[Columns | Damaged]:
    with dataset.open_shard(path, rows) as shard:
        for number in numbers:
            try:
                yield dataset.decode(shard.record(number), path, number + 1)
            except DataError as error:
                yield Damaged(codes.SHARD_DAMAGED, error.message)


def _check_keys(directory: Path, collector: Collector) -> None:
    """Find keys that TFDS does not know; its parser refuses a file that has one."""
    info: dict[str, Any] = orjson.loads((directory / _INFO_NAME).read_bytes())
    splits = [(split, _SPLIT_KEYS, "a split") for split in info["splits"]]
    for document, known, owner in [(info, _INFO_KEYS, "the dataset"), *splits]:
        for key in document:
            if _camel(key) not in known:
                message = f"{owner} has the key '{key}'{did_you_mean(key, known)}"
                file = directory / _INFO_NAME
                collector.add(codes.INFO_KEY_UNKNOWN, message, file=file, group=key)


def _camel(key: str) -> str:
    """Return a key as protobuf's JSON has it, which reads both ways of writing one."""
    first, *others = key.split("_")
    return first + "".join(word.capitalize() for word in others)


def _check_names(directory: Path, layout: TfdsLayout, collector: Collector) -> None:
    """Find a directory that TFDS loads by its path, but does not find by the dataset's name."""
    path = directory.absolute()
    there, must = f"{path.parent.name}/{path.name}", f"{layout.name}/{layout.version}"
    if there != must:
        message = f"the directory is {there}, and TFDS looks for the dataset in {must}"
        collector.add(codes.VERSION_DIRECTORY, message, file=directory)


def _check_shards(directory: Path, layout: TfdsLayout, collector: Collector) -> bool:
    """Find shards that are not there or that nothing names; say whether the right ones are."""
    missing, strange = missing_and_strange(directory, layout)
    for name in missing:
        hint = did_you_mean(name, strange)
        message = f"{_INFO_NAME} names it (shards are numbered from 0), and it is not there{hint}"
        collector.add(codes.SHARD_MISSING, message, file=directory / name)
    for name in strange:
        message = f"is named like a shard, and is none that {_INFO_NAME} names"
        collector.add(codes.SHARD_STRAY, message, file=directory / name)
    return not missing and not strange


def _check_sizes(directory: Path, layout: TfdsLayout, collector: Collector) -> None:
    """Find a number of bytes that is not that of the shards, with or without their framing."""
    for split, told in layout.sizes.items():
        rows = layout.shards[split]
        names = [layout.file_name(split, index) for index in range(len(rows))]
        size = sum((directory / name).stat().st_size for name in names)
        if layout.kind == "tfrecord" and told not in (0, size, size - _FRAME_BYTES * sum(rows)):
            message = f"the split {split} has numBytes {told:,}, and its shards {size:,} bytes"
            collector.add(codes.INFO_BYTES, message, file=directory / _INFO_NAME, group=split)
