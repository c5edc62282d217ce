"""What the formats of TFDS's layout share: names, metadata, and how they are found."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import orjson

from penstock.errors import ConfigError, DataError
from penstock.formats._base import OutputSpec, Shard, Written
from penstock.formats._packed import PackedFormat
from penstock.formats._tfds import FEATURES_NAME, INFO_NAME, NAME, SHARD, VERSION, Feature, Layout
from penstock.formats._tfds_merging import merge
from penstock.formats._tfds_reading import ShardFile, TfdsDataset
from penstock.formats._walking import directories_with_files


class TfdsFormat(PackedFormat):
    """Packed rows as tf.train.Example in the layout of TensorFlow Datasets.

    The dataset's name and version are those of its directory, `.../NAME/x.y.z`.
    """

    #: The file format as TFDS names it, in dataset_info.json and in the names of shards.
    kind: ClassVar[str]

    def verify(self, target: OutputSpec) -> None:
        """Refuse what TFDS could not load by name; raises ConfigError."""
        super().verify(target)
        name, version = _name_and_version(target)
        if not VERSION.fullmatch(version) or not NAME.fullmatch(name):
            base = target.directory if NAME.fullmatch(target.directory.name) else "datasets/NAME"
            raise ConfigError(
                f"'{target.directory}' does not end with NAME/x.y.z, by which TFDS finds a dataset "
                "(a small letter, then small letters, digits and '_'; three numbers); write "
                f"'{base}/1.0.0'",
                field="output",
            )

    def prepare(self) -> None:
        """Load the compiled loops."""
        super().prepare()
        from penstock.formats import _examples  # noqa: F401

    def shards(self, target: OutputSpec) -> Sequence[Shard]:
        """Return the shards of every split, as even as can be."""
        name, _ = _name_and_version(target)
        template = f"{name}-{{split}}.{self.kind}-{{index:05d}}-of-{{count:05d}}"
        return self.split_shards(target, template)

    def finish(
        self, directory: Path, target: OutputSpec, written: Sequence[Written]
    ) -> Sequence[str]:
        """Write dataset_info.json and features.json; `numBytes` is that of the Examples."""
        name, version = _name_and_version(target)
        lengths: dict[str, list[int]] = {}
        sizes: dict[str, int] = {}
        for shard in self.shards(target):
            with self.open_shard(directory / shard.path) as file:
                lengths.setdefault(shard.split, []).append(len(file))
                sizes[shard.split] = sizes.get(shard.split, 0) + file.size
        features = {str(column): Feature("int32", target.context) for column in self.columns}
        return Layout(name, version, self.kind, lengths, features, sizes).write(directory)

    @classmethod
    def merge(cls, datasets: Sequence[Path], output: Path) -> Path:
        """Link the shards of all datasets under one name, `.../NAME/x.y.z`."""
        merge(datasets, output)
        return output

    @classmethod
    def find(cls, path: Path) -> Sequence[Path]:
        """Return every directory at or below `path` whose metadata or files are of this kind."""
        return [
            directory
            for directory, files in directories_with_files(path)
            if cls._recognises(directory, files)
        ]

    @classmethod
    def open(cls, path: Path) -> TfdsDataset:
        """Open a dataset; raises DataError for what TFDS could not load."""
        dataset = TfdsDataset(path, cls.open_shard)
        if dataset.layout.kind != cls.kind:
            raise DataError(
                f"fileFormat is '{dataset.layout.kind}', not '{cls.kind}'", file=path / INFO_NAME
            )
        return dataset

    @classmethod
    def _recognises(cls, directory: Path, files: Sequence[str]) -> bool:
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


def _name_and_version(target: OutputSpec) -> tuple[str, str]:
    return target.directory.parent.name, target.directory.name
