"""Packed rows as tf.train.Example in the layout of TensorFlow Datasets, without TensorFlow."""

from __future__ import annotations

import errno
import os
import shutil
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import orjson
from numpy.typing import NDArray

from penstock.errors import ConfigError, DataError
from penstock.formats._base import OutputSpec, Shard, ShardedDataset, TokenRow, Written
from penstock.formats._merge import MergeInputs, staging_area
from penstock.formats._packed import PackedFormat
from penstock.formats._tfds_layout import (
    FEATURES_NAME,
    INFO_NAME,
    NAME,
    SHARD,
    VERSION,
    Feature,
    Layout,
    check_files,
    read_layout,
)
from penstock.manifest import FileEntry

#: Errors of the operating system for a file that cannot be linked, but can be copied.
_NOT_LINKED = {errno.EXDEV, errno.EPERM, errno.ENOTSUP, errno.EMLINK}


class ShardFile(ABC):
    """A file of records, open for random access from any thread.

    Every record is verified when it is read. The file is closed by `close`, or with the last
    reference. Raises DataError for a file that cannot be opened.
    """

    #: The total size of the records in bytes, without the framing of the file format.
    size: int

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.descriptor = os.open(path, os.O_RDONLY)
        except OSError as error:
            raise DataError(f"cannot be read: {error.strerror}", file=path) from None
        self.close = weakref.finalize(self, os.close, self.descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of records."""

    @abstractmethod
    def record(self, index: int) -> bytes:
        """Return record `index` (from 0); a damaged one raises DataError, which counts from 1."""

    def records(self, start: int, stop: int) -> Iterator[bytes]:
        """Yield the records from `start` to before `stop`; raises DataError as `record` does."""
        return map(self.record, range(start, stop))


class TfdsDataset(ShardedDataset):
    """A dataset in TFDS's layout; `layout` is its metadata.

    Raises DataError if the shards in the directory are not those in the metadata.
    """

    def __init__(self, path: Path, open_shard: Callable[[Path], ShardFile]) -> None:
        from penstock.formats._examples import ExampleReader

        self.layout: Layout = read_layout(path)
        check_files(path, self.layout)
        shards = {
            split: [(path / self.layout.file_name(split, i), n) for i, n in enumerate(rows)]
            for split, rows in self.layout.shards.items()
        }
        super().__init__(path, shards)
        self._open_shard = open_shard
        self._reader = ExampleReader(list(self.layout.features))

    def shard_rows(self, file: Path, count: int, start: int, stop: int) -> Iterator[TokenRow]:
        with self.open_shard(file, count) as shard:
            for number, record in enumerate(shard.records(start, stop), start + 1):
                yield TokenRow(self.decode(record, file, number), file, number)

    def open_shard(self, path: Path, rows: int) -> ShardFile:
        """Open a shard; raises DataError if its number of records is not `rows`."""
        shard = self._open_shard(path)
        if len(shard) != rows:
            found = len(shard)
            shard.close()
            raise DataError(f"has {found:,} records, not the {rows:,} of {INFO_NAME}", file=path)
        return shard

    def decode(self, record: bytes, file: Path, number: int) -> dict[str, NDArray[Any]]:
        """Return the columns of a record; raises DataError if features.json does not match it."""
        from penstock.formats._examples import ExampleError

        try:
            found = self._reader.read(record)
        except ExampleError as error:
            raise DataError(f"record {number} {error}", file=file) from None
        columns: dict[str, NDArray[Any]] = {}
        for name, feature in self.layout.features.items():
            values = found[name]
            if feature.length not in (None, len(values)):
                wrong = f"{len(values):,} values, not the {feature.length:,} of features.json"
                raise DataError(f"record {number}: the column '{name}' has {wrong}", file=file)
            columns[name] = values.astype(feature.dtype)
            if not np.array_equal(columns[name], values):
                wrong = "a value outside of int32, which TensorFlow would wrap silently"
                raise DataError(f"record {number}: the column '{name}' has {wrong}", file=file)
        return columns


class TfdsFormat(PackedFormat):
    """Packed rows as tf.train.Example in the layout of TensorFlow Datasets.

    The dataset's name and version are those of its directory, `.../NAME/x.y.z`.
    """

    #: The file format as TFDS names it, in dataset_info.json and in the names of shards.
    kind: ClassVar[str]

    def verify(self, target: OutputSpec) -> None:
        """Raise ConfigError for a directory that TFDS could not load by name."""
        super().verify(target)
        directory = target.directory
        if not _is_named_version(directory):
            base = directory if NAME.fullmatch(directory.name) else "datasets/NAME"
            raise ConfigError(
                f"'{directory}' does not end with NAME/x.y.z, by which TFDS finds a dataset "
                "(a small letter, then small letters, digits and '_'; three numbers); write "
                f"'{base}/1.0.0'",
                field="output",
            )

    def prepare(self) -> None:
        super().prepare()
        from penstock.formats import _examples  # noqa: F401

    def shards(self, target: OutputSpec) -> Sequence[Shard]:
        name = target.directory.parent.name
        template = f"{name}-{{split}}.{self.kind}-{{index:05d}}-of-{{count:05d}}"
        return self.split_shards(target, template)

    def finish(
        self, directory: Path, target: OutputSpec, written: Sequence[Written]
    ) -> Sequence[str]:
        """Write dataset_info.json and features.json; `numBytes` counts the Examples only."""
        lengths: dict[str, list[int]] = {}
        sizes: dict[str, int] = {}
        for shard in self.shards(target):
            with self.open_shard(directory / shard.path) as file:
                lengths.setdefault(shard.split, []).append(len(file))
                sizes[shard.split] = sizes.get(shard.split, 0) + file.size
        features = {str(column): Feature("int32", target.context) for column in self.columns}
        name, version = target.directory.parent.name, target.directory.name
        return Layout(name, version, self.kind, lengths, features, sizes).write(directory)

    @classmethod
    def open(cls, path: Path) -> TfdsDataset:
        """Open a dataset; raises DataError for what TFDS could not load."""
        dataset = TfdsDataset(path, cls.open_shard)
        if dataset.layout.kind != cls.kind:
            message = f"fileFormat is '{dataset.layout.kind}', not '{cls.kind}'"
            raise DataError(message, file=path / INFO_NAME)
        return dataset

    @classmethod
    def merge(cls, datasets: Sequence[Path], output: Path) -> Path:
        """Merge datasets by their metadata, without reading a row; return `output`.

        The shards are hard links under new names (copies, on another file system); in each split
        those of the first dataset come first. `output` must end with NAME/x.y.z.

        Raises ConfigError for a dataset that is named twice, for another form of `output` and for
        datasets that differ in columns, context or tokenizer; ConflictError if `output` exists or
        is being written; DataError for a dataset that cannot be read.
        """
        if not _is_named_version(output):
            raise ConfigError("does not end with NAME/x.y.z, by which TFDS finds it", file=output)
        layouts = {path: cls.open(path).layout for path in datasets}
        first = layouts[datasets[0]]
        for path, layout in layouts.items():
            if layout.features != first.features:
                same_names = layout.features.keys() == first.features.keys()
                raise ConfigError(
                    f"does not have the same {'lengths or dtypes of ' if same_names else ''}"
                    f"columns as {datasets[0]}; build both with the same settings",
                    file=path,
                )
        merged = _merge_layouts(output, list(layouts.values()))
        inputs = MergeInputs.of([(path, layouts[path].file_names()) for path in datasets])
        with staging_area(output, [output]) as area:
            staging = area.directory / output.name
            staging.mkdir()
            entries = _link_shards(layouts, merged, staging, inputs)
            entries += [FileEntry.of(staging, file) for file in merged.write(staging)]
            counts = {f"{split}.rows": sum(rows) for split, rows in merged.shards.items()}
            inputs.manifest(format=cls.name, files=entries, counts=counts).write(staging)
            area.publish()
        return output

    @classmethod
    def recognizes(cls, directory: Path, files: Sequence[str]) -> bool:
        """Return True if the names of shards, or the metadata without shards, are of this kind."""
        kinds = {match["kind"] for name in files if (match := SHARD.fullmatch(name))}
        if cls.kind in kinds:
            return True
        if INFO_NAME not in files or FEATURES_NAME not in files or kinds:
            return False
        try:
            info: Any = orjson.loads((directory / INFO_NAME).read_bytes())
        except (OSError, orjson.JSONDecodeError):
            return False
        return isinstance(info, dict) and info.get("fileFormat") == cls.kind

    @staticmethod
    @abstractmethod
    def open_shard(path: Path) -> ShardFile:
        """Open one file of records."""


def _is_named_version(directory: Path) -> bool:
    return bool(NAME.fullmatch(directory.parent.name) and VERSION.fullmatch(directory.name))


def _merge_layouts(output: Path, layouts: Sequence[Layout]) -> Layout:
    shards: dict[str, list[int]] = {}
    sizes: dict[str, int] = {}
    for layout in layouts:
        for split, rows in layout.shards.items():
            shards.setdefault(split, []).extend(rows)
            sizes[split] = sizes.get(split, 0) + layout.sizes.get(split, 0)
    first = layouts[0]
    return Layout(output.parent.name, output.name, first.kind, shards, first.features, sizes)


def _link_shards(
    layouts: dict[Path, Layout], merged: Layout, directory: Path, inputs: MergeInputs
) -> list[FileEntry]:
    """Link every shard under its new name; hashes that a manifest knows are not computed again."""
    next_index = dict.fromkeys(merged.shards, 0)
    entries = []
    for path, layout in layouts.items():
        for split, lengths in layout.shards.items():
            for index, rows in enumerate(lengths):
                source = path / layout.file_name(split, index)
                target = directory / merged.file_name(split, next_index[split])
                next_index[split] += 1
                try:
                    os.link(source, target)
                except OSError as error:
                    if error.errno not in _NOT_LINKED:
                        raise
                    shutil.copyfile(source, target)
                known = inputs.entry(source)
                sha256 = known.sha256 if known else None
                entries.append(FileEntry.of(directory, target.name, rows, sha256, split))
    return entries
