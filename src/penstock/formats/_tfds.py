"""How TensorFlow Datasets lays out a dataset on disk, and what describes it.

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
#: Names that `tfds.builder` finds: it makes `Notes` and `myNotes` into `notes` and `my_notes`.
NAME = re.compile(r"[a-z][a-z0-9_]*")
VERSION = re.compile(r"\d+\.\d+\.\d+", re.ASCII)
SHARD = re.compile(r"(?P<name>[a-zA-Z]\w*)-(?P<split>[\w-]+)\.(?P<kind>\w+)-\d{5,}(-of-\d{5,})?")

#: The penstock format of each of TFDS's file formats that is read here.
FORMAT_OF_KIND = {"tfrecord": "tfrecord", "array_record": "arrayrecord"}

_TEMPLATE = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"
_TEMPLATE_FORM = re.compile(
    r"(?:[\w.-]|\{(?:DATASET|SPLIT|FILEFORMAT|SHARD_INDEX|NUM_SHARDS|SHARD_X_OF_Y)\})+", re.ASCII
)
_FEATURES = "tensorflow_datasets.core.features"
_DICT_CLASS = f"{_FEATURES}.features_dict.FeaturesDict"
_TENSOR_CLASS = f"{_FEATURES}.tensor_feature.Tensor"


@dataclass(frozen=True)
class Feature:
    """A column: its dtype (int32 or int64), and how many values a row has (None: any number)."""

    dtype: str
    length: int | None


@dataclass(frozen=True)
class Layout:
    """What the two JSON files of a dataset say.

    `kind` is TFDS's file format (tfrecord, array_record); `shards` holds, for each split, the rows
    of every shard; `sizes` the bytes of the Examples, and `templates` the pattern of the files'
    names where it is not the usual one.
    """

    name: str
    version: str
    kind: str
    shards: Mapping[str, Sequence[int]]
    features: Mapping[str, Feature]
    sizes: Mapping[str, int] = field(default_factory=dict)
    templates: Mapping[str, str] = field(default_factory=dict)

    def file_name(self, split: str, index: int) -> str:
        """Return the name of a shard; `index` is from 0."""
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
        """Return the name of every shard."""
        return [
            self.file_name(split, index)
            for split, lengths in self.shards.items()
            for index in range(len(lengths))
        ]

    def write(self, directory: Path) -> list[str]:
        """Write the two JSON files; return their names."""
        for name, document in ((INFO_NAME, self._info()), (FEATURES_NAME, self._features())):
            write_atomic(directory / name, orjson.dumps(document, option=orjson.OPT_INDENT_2))
        return [INFO_NAME, FEATURES_NAME]

    def _info(self) -> dict[str, Any]:
        splits = [
            {
                "name": split,
                "shardLengths": [str(rows) for rows in lengths],
                "numBytes": str(self.sizes.get(split, 0)),
            }
            for split, lengths in self.shards.items()
        ]
        return {
            "name": self.name,
            "version": self.version,
            "fileFormat": self.kind,
            "splits": splits,
        }

    def _features(self) -> dict[str, Any]:
        features = {
            name: {
                "pythonClassName": _TENSOR_CLASS,
                "tensor": {
                    "shape": {"dimensions": [str(-1 if f.length is None else f.length)]},
                    "dtype": f.dtype,
                    "encoding": "none",
                },
            }
            for name, f in self.features.items()
        }
        return {"pythonClassName": _DICT_CLASS, "featuresDict": {"features": features}}


def read_layout(directory: Path) -> Layout:
    """Return what the JSON files of a dataset say; raises DataError for what TFDS cannot load."""
    info = _read_object(directory / INFO_NAME)
    path = directory / INFO_NAME
    name, version = (_text(info, key, path) for key in ("name", "version"))
    if not VERSION.fullmatch(version):
        raise DataError(f"the version '{version}' is not of the form x.y.z", file=path)
    shards, sizes, templates = {}, {}, {}
    splits = info.get("splits")
    if not isinstance(splits, list) or not splits:
        raise DataError("has no splits", file=path)
    for split in splits:
        if not isinstance(split, dict):
            raise DataError("a split is no object", file=path)
        split_name = _text(split, "name", path)
        templates[split_name] = split.get("filepathTemplate") or _TEMPLATE
        if not _is_template(templates[split_name]):
            raise DataError(f"the split '{split_name}': filepathTemplate is no pattern", file=path)
        shards[split_name] = _numbers(split.get("shardLengths"), split_name, path)
        sizes[split_name] = _numbers([split.get("numBytes", 0)], split_name, path)[0]
    kind = info.get("fileFormat") or "tfrecord"
    features = _read_features(directory)
    return Layout(name, version, str(kind), shards, features, sizes, templates)


def missing_and_strange(directory: Path, layout: Layout) -> tuple[list[str], list[str]]:
    """Return the shards that are not there, and the files that are named like shards but not one.

    Names that are numbered from 1, of another dataset's name or of another count show as both.
    """
    expected = layout.file_names()
    there = {entry.name for entry in directory.iterdir()}
    strange = sorted(name for name in there - set(expected) if SHARD.fullmatch(name))
    return [name for name in expected if name not in there], strange


def check_files(directory: Path, layout: Layout) -> None:
    """Raise DataError when the shards that are there are not those that the JSON files name."""
    missing, strange = missing_and_strange(directory, layout)
    if missing:
        hint = did_you_mean(missing[0], strange)
        raise DataError(
            f"there is no such file; {INFO_NAME} names it (shards are numbered from 0, "
            f"name and count stand in every name){hint}",
            file=directory / missing[0],
        )
    if strange:
        raise DataError(
            f"is no shard that {INFO_NAME} names; remove it or build the dataset again",
            file=directory / strange[0],
        )


def _read_features(directory: Path) -> dict[str, Feature]:
    path = directory / FEATURES_NAME
    document = _read_object(path)
    features = document.get("featuresDict", {})
    features = features.get("features") if isinstance(features, dict) else None
    if not isinstance(features, dict) or not features:
        raise DataError("has no featuresDict with features", file=path)
    return {name: _feature(name, feature, path) for name, feature in features.items()}


def _feature(name: str, feature: Any, path: Path) -> Feature:
    try:
        tensor = feature["tensor"]
        dtype, (dimension,) = tensor["dtype"], tensor["shape"]["dimensions"]
        length = int(dimension)
    except (KeyError, TypeError, ValueError):
        raise DataError(f"the column '{name}' is no tensor of one dimension", file=path) from None
    if dtype not in ("int32", "int64"):
        raise DataError(f"the column '{name}' is not of int32 or int64", file=path)
    return Feature(dtype, length if length >= 0 else None)


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
        raise DataError("is no JSON object", file=path)
    return document


def _text(document: dict[str, Any], key: str, path: Path) -> str:
    value = document.get(key)
    if not isinstance(value, str) or not value:
        raise DataError(f"'{key}' is missing or no text", file=path)
    return value


def _is_template(value: Any) -> bool:
    """Say whether names of shards can be made of a pattern; they stay in the directory."""
    return isinstance(value, str) and bool(_TEMPLATE_FORM.fullmatch(value))


def _numbers(values: Any, split: str, path: Path) -> list[int]:
    """Return whole numbers that TFDS writes as text."""
    listed: list[Any] = values if isinstance(values, list) else [None]
    if not all(isinstance(v, str | int) and str(v).isdecimal() for v in listed):
        raise DataError(f"the split '{split}': shardLengths or numBytes are no numbers", file=path)
    return [int(value) for value in listed]
