"""The files of a TensorFlow Datasets (TFDS) dataset and the metadata that describes them.

    notes/1.0.0/
      dataset_info.json                      name, version, file format, rows of each shard
      features.json                          the columns: names, dtypes, lengths
      notes-train.tfrecord-00000-of-00002    shards, numbered from 0

`tfds.builder_from_directory` loads any such directory; `tfds.builder(name, data_dir=)`, which stock
MaxText calls, only NAME/x.y.z. (Read from and tested against tensorflow-datasets 4.9.10.)
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from penstock.errors import DataError, did_you_mean
from penstock.files import write_atomic

INFO_NAME = "dataset_info.json"
FEATURES_NAME = "features.json"
#: Names that `tfds.builder` finds: it converts `Notes` and `myNotes` to `notes` and `my_notes`.
NAME = re.compile(r"[a-z][a-z0-9_]*")
VERSION = re.compile(r"\d+\.\d+\.\d+", re.ASCII)
SHARD = re.compile(r"(?P<name>[a-zA-Z]\w*)-(?P<split>[\w-]+)\.(?P<kind>\w+)-\d{5,}(-of-\d{5,})?")

_TEMPLATE = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"
#: File name templates that keep shards in the dataset's directory.
_TEMPLATE_FORM = re.compile(
    r"(?:[\w.-]|\{(?:DATASET|SPLIT|FILEFORMAT|SHARD_INDEX|NUM_SHARDS|SHARD_X_OF_Y)\})+", re.ASCII
)
_FEATURES = "tensorflow_datasets.core.features"
_DICT_CLASS = f"{_FEATURES}.features_dict.FeaturesDict"
_TENSOR_CLASS = f"{_FEATURES}.tensor_feature.Tensor"


@dataclass(frozen=True)
class Feature:
    """A column: its dtype (int32 or int64) and its number of values per row (None: any)."""

    dtype: str
    length: int | None


@dataclass(frozen=True)
class Layout:
    """The metadata of a dataset, as stored in its two JSON files.

    `kind` is TFDS's file format (tfrecord, array_record). By split, `shards` holds the rows of
    every shard, `sizes` the bytes of all Examples, and `templates` the file name template if it is
    not the default.
    """

    name: str
    version: str
    kind: str
    shards: Mapping[str, Sequence[int]]
    features: Mapping[str, Feature]
    sizes: Mapping[str, int] = field(default_factory=dict)
    templates: Mapping[str, str] = field(default_factory=dict)

    def file_name(self, split: str, index: int) -> str:
        """Return the name of a shard; `index` counts from 0."""
        number, count = f"{index:05d}", f"{len(self.shards[split]):05d}"
        return self.templates.get(split, _TEMPLATE).format(
            DATASET=self.name,
            SPLIT=split,
            FILEFORMAT=self.kind,
            SHARD_INDEX=number,
            NUM_SHARDS=count,
            SHARD_X_OF_Y=f"{number}-of-{count}",
        )

    def file_names(self) -> list[str]:
        return [
            self.file_name(split, index)
            for split, lengths in self.shards.items()
            for index in range(len(lengths))
        ]

    def write(self, directory: Path) -> list[str]:
        """Write the two JSON files; return their names."""
        splits = []
        for split, lengths in self.shards.items():
            rows, size = [str(length) for length in lengths], str(self.sizes.get(split, 0))
            splits.append({"name": split, "shardLengths": rows, "numBytes": size})
        info = {"name": self.name, "version": self.version, "fileFormat": self.kind}
        features = {}
        for name, feature in self.features.items():
            shape = {"dimensions": [str(-1 if feature.length is None else feature.length)]}
            tensor = {"shape": shape, "dtype": feature.dtype, "encoding": "none"}
            features[name] = {"pythonClassName": _TENSOR_CLASS, "tensor": tensor}
        columns = {"pythonClassName": _DICT_CLASS, "featuresDict": {"features": features}}
        for name, document in ((INFO_NAME, {**info, "splits": splits}), (FEATURES_NAME, columns)):
            write_atomic(directory / name, orjson.dumps(document, option=orjson.OPT_INDENT_2))
        return [INFO_NAME, FEATURES_NAME]


def read_layout(directory: Path) -> Layout:
    """Return the metadata of a dataset; raises DataError for what TFDS cannot load."""
    path = directory / INFO_NAME
    info = _read_object(path)
    name, version = (_text(info, key, path) for key in ("name", "version"))
    if not VERSION.fullmatch(version):
        raise DataError(f"the version '{version}' is not of the form x.y.z", file=path)
    splits = info.get("splits")
    if not isinstance(splits, list) or not splits:
        raise DataError("has no splits", file=path)
    shards, sizes, templates = {}, {}, {}
    for entry in splits:
        if not isinstance(entry, dict):
            raise DataError("a split is not an object", file=path)
        split = _text(entry, "name", path)
        template = entry.get("filepathTemplate") or _TEMPLATE
        if not isinstance(template, str) or not _TEMPLATE_FORM.fullmatch(template):
            raise DataError(f"the split '{split}': filepathTemplate is not a template", file=path)
        templates[split] = template
        shards[split] = _numbers(entry.get("shardLengths"), split, path)
        sizes[split] = _numbers([entry.get("numBytes", 0)], split, path)[0]
    kind = str(info.get("fileFormat") or "tfrecord")
    return Layout(name, version, kind, shards, _read_features(directory), sizes, templates)


def missing_and_stray(directory: Path, layout: Layout) -> tuple[list[str], list[str]]:
    """Return the shards that are missing, and the files named like shards that are not listed.

    Shards numbered from 1, or with another dataset name or count, appear in both.
    """
    expected = layout.file_names()
    present = {entry.name for entry in directory.iterdir()}
    stray = sorted(name for name in present - set(expected) if SHARD.fullmatch(name))
    return [name for name in expected if name not in present], stray


def check_files(directory: Path, layout: Layout) -> None:
    """Raise DataError if the shards in the directory are not those in the metadata."""
    missing, stray = missing_and_stray(directory, layout)
    if missing:
        hint = did_you_mean(missing[0], stray)
        raise DataError(
            f"there is no such file, but {INFO_NAME} lists it (shards are numbered from 0, and "
            f"each name contains the dataset's name and the number of shards){hint}",
            file=directory / missing[0],
        )
    if stray:
        message = f"is not a shard that {INFO_NAME} lists; remove it or build the dataset again"
        raise DataError(message, file=directory / stray[0])


def _read_features(directory: Path) -> dict[str, Feature]:
    path = directory / FEATURES_NAME
    document = _read_object(path).get("featuresDict")
    features = document.get("features") if isinstance(document, dict) else None
    if not isinstance(features, dict) or not features:
        raise DataError("has no featuresDict with features", file=path)
    columns = {}
    for name, feature in features.items():
        try:
            tensor = feature["tensor"]
            dtype, (dimension,) = tensor["dtype"], tensor["shape"]["dimensions"]
            length = int(dimension)
        except (KeyError, TypeError, ValueError):
            message = f"the column '{name}' is not a tensor of one dimension"
            raise DataError(message, file=path) from None
        if dtype not in ("int32", "int64"):
            raise DataError(f"the column '{name}' is not int32 or int64", file=path)
        columns[name] = Feature(dtype, length if length >= 0 else None)
    return columns


def _read_object(path: Path) -> dict[str, Any]:
    try:
        document = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        raise DataError("there is no such file; TFDS needs it", file=path) from None
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", file=path) from None
    except orjson.JSONDecodeError as error:
        raise DataError(f"not JSON ({error.msg})", file=path, line=error.lineno) from None
    if not isinstance(document, dict):
        raise DataError("is not a JSON object", file=path)
    return document


def _text(document: dict[str, Any], key: str, path: Path) -> str:
    value = document.get(key)
    if not isinstance(value, str) or not value:
        raise DataError(f"'{key}' is missing or not a string", file=path)
    return value


def _numbers(values: Any, split: str, path: Path) -> list[int]:
    """Return integers, which TFDS writes as strings."""
    listed: list[Any] = values if isinstance(values, list) else [None]
    if not all(isinstance(v, str | int) and str(v).isdecimal() for v in listed):
        raise DataError(f"the split '{split}': shardLengths or numBytes are not numbers", file=path)
    return [int(value) for value in listed]
