"""Packed rows in the layout of TensorFlow Datasets: its JSON files, shards and rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from penstock.checks import _codes as codes
from penstock.checks._packed import DamagedRow, PackedCheck, PackedShard
from penstock.checks._packed.columns import Columns
from penstock.errors import DataError, did_you_mean
from penstock.findings import Collector
from penstock.formats import (
    TfdsDataset,
    TfdsFormat,
    TfdsLayout,
    missing_and_stray,
    read_layout,
)

_INFO_NAME = "dataset_info.json"
#: The fields of DatasetInfo and of SplitInfo (tensorflow_datasets/core/proto/dataset_info.proto).
_INFO_FIELDS = """
    alternativeFileFormats citation configDescription configName configTags dataSourceAccesses
    description disableShuffling downloadChecksums downloadSize features fileFormat isBlocked
    location moduleName name nondeterministicOrder redistributionInfo releaseNotes schema
    sizeInBytes splits supervisedKeys version
"""
_SPLIT_FIELDS = "filepathTemplate name numBytes numShards shardLengths statistics"
#: The bytes that TFRecord adds to each record, which TFDS does not count.
_FRAME_BYTES = 16


class TfdsCheck(PackedCheck):
    """Checks directories that `tfds.builder_from_directory` can load."""

    format: type[TfdsFormat]

    def shards(self, directory: Path, collector: Collector) -> Sequence[PackedShard]:
        """Return the shards, or none if they are not those in dataset_info.json."""
        try:
            layout = read_layout(directory)
        except DataError as error:
            file = Path(error.file)
            collector.add(codes.INFO_UNREADABLE, error.message, file=file, line=error.line)
            return []
        _check_keys(directory, collector)
        _check_directory_name(directory, layout, collector)
        if not _check_shard_names(directory, layout, collector):
            return []
        _check_sizes(directory, layout, collector)
        dataset = self.format.open(directory)
        return [
            PackedShard(path, rows, partial(_read, dataset, path, rows))
            for split in dataset.splits
            for path, rows in dataset.shards(split)
        ]


def _read(
    dataset: TfdsDataset, path: Path, rows: int, numbers: Sequence[int]
) -> Iterator[Columns | DamagedRow]:
    with dataset.open_shard(path, rows) as shard:
        consecutive = len(numbers) > 0 and numbers[-1] - numbers[0] == len(numbers) - 1
        if consecutive:  # faster together, but only up to the first damaged record
            records = shard.records(numbers[0], numbers[-1] + 1)
        else:
            records = map(shard.record, numbers)
        for index, number in enumerate(numbers, 1):
            try:
                yield dataset.decode(next(records), path, number + 1)
            except DataError as error:
                yield DamagedRow(codes.SHARD_DAMAGED, error.message)
                if consecutive:
                    consecutive, records = False, map(shard.record, numbers[index:])


def _check_keys(directory: Path, collector: Collector) -> None:
    """Report keys that TFDS does not know: its parser rejects a file with one."""
    file = directory / _INFO_NAME
    info: dict[str, Any] = orjson.loads(file.read_bytes())
    splits = [(split, _SPLIT_FIELDS.split(), "a split") for split in info["splits"]]
    for document, known, owner in [(info, _INFO_FIELDS.split(), "the dataset"), *splits]:
        for key in document:
            # The JSON parser of protobuf reads snake_case and camelCase.
            first, *others = key.split("_")
            if first + "".join(word.capitalize() for word in others) not in known:
                message = f"{owner} has the key '{key}'{did_you_mean(key, known)}"
                collector.add(codes.INFO_KEY_UNKNOWN, message, file=file, group=key)


def _check_directory_name(directory: Path, layout: TfdsLayout, collector: Collector) -> None:
    """Report a directory that TFDS loads by its path, but not by the dataset's name."""
    path = directory.absolute()
    found, expected = f"{path.parent.name}/{path.name}", f"{layout.name}/{layout.version}"
    if found != expected:
        message = f"the directory is {found}; to load the dataset by name, TFDS needs {expected}"
        collector.add(codes.VERSION_DIRECTORY, message, file=directory)


def _check_shard_names(directory: Path, layout: TfdsLayout, collector: Collector) -> bool:
    """Report missing and stray shards; return True if there are none."""
    missing, stray = missing_and_stray(directory, layout)
    for name in missing:
        hint = did_you_mean(name, stray)
        message = f"is missing; {_INFO_NAME} lists it (shards are numbered from 0){hint}"
        collector.add(codes.SHARD_MISSING, message, file=directory / name)
    for name in stray:
        message = f"is named like a shard, but {_INFO_NAME} does not list it"
        collector.add(codes.SHARD_STRAY, message, file=directory / name)
    return not missing and not stray


def _check_sizes(directory: Path, layout: TfdsLayout, collector: Collector) -> None:
    """Report a numBytes that is not the size of the shards, with or without their framing."""
    for split, declared in layout.sizes.items():
        rows = layout.shards[split]
        names = [layout.file_name(split, index) for index in range(len(rows))]
        size = sum((directory / name).stat().st_size for name in names)
        if layout.kind == "tfrecord" and declared not in (0, size, size - _FRAME_BYTES * sum(rows)):
            message = f"the split {split} has numBytes {declared:,}; its shards have {size:,} bytes"
            collector.add(codes.INFO_BYTES, message, file=directory / _INFO_NAME, group=split)
