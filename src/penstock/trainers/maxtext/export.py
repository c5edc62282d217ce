"""The configuration with which stock MaxText reads a dataset, and what it drops of it.

Source: src/maxtext/input_pipeline of https://github.com/AI-Hypercomputer/maxtext, main branch of
September 2026 (`__version__` 0.2.2).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from penstock.errors import ConfigError
from penstock.formats import find_dataset
from penstock.formats.megatron import split_prefixes
from penstock.manifest import Manifest, manifest_of
from penstock.trainers._base import Export, Exporter, NoOptions
from penstock.trainers.maxtext.environment import installed_maxtext

_TESTED_VERSION = "0.2.2 (main of September 2026); MaxText is not installed"
_FORMATS = ("tfrecord", "arrayrecord", "megatron")
_LOST_COLUMNS = (
    "targets, positions and segmentations: MaxText reads one data column, drops the others without "
    "a warning and derives them again"
)
_LOST = (
    "document boundaries: attention crosses from one document of a row to the next, and positions "
    "continue through the row",
    "the mask at the last token of a document: it is trained to predict the first token of the "
    "next one",
    "the mask of padding, unless padding has the tokenizer's pad id (or its unk id if it has no "
    "pad id); a real token with that id is then masked too",
)
_USE_LOADER = (
    "to train on all columns, feed MaxText from penstock.loading.packed (PackedGrainSource or "
    "packed_tf_dataset) instead"
)


class MaxTextExporter(Exporter):
    """Settings for MaxText's pretraining pipelines: tfds, and grain for the other two formats."""

    def export(self, dataset: Path, options: NoOptions) -> Export:
        """Return the settings for a tfrecord, arrayrecord or megatron dataset.

        Keys that the installed MaxText does not have are left out and named in `advice`.
        """
        format, path = find_dataset(dataset, _FORMATS)
        path = path.resolve()
        manifest = manifest_of(path)
        if format.name == "megatron":
            settings, keeps, loses, advice = _indexed(path, manifest)
        else:
            settings, keeps, loses, advice = _packed(format.name, format.open(path))
        settings |= _tokenizer(manifest)
        version = _TESTED_VERSION
        if (installed := installed_maxtext()) is not None:
            version = installed.version
            if settings.get("grain_file_type") == "mmap" and "mmap_eod_id" not in installed.keys:
                raise ConfigError(
                    f"MaxText {version}, does not read .bin and .idx; use a newer one, or build "
                    "the dataset as arrayrecord",
                    file=path,
                )
            if unknown := [key for key in settings if key not in installed.keys]:
                advice.append(f"this version has no {', '.join(unknown)}: left out")
            settings = {key: value for key, value in settings.items() if key in installed.keys}
        return Export("maxtext", version, str(path), settings, keeps, loses, advice)


_Parts = tuple[dict[str, Any], list[str], list[str], list[str]]


def _packed(kind: str, dataset: Any) -> _Parts:
    """Return settings, keeps, loses and advice for packed rows.

    tfrecord goes through the tfds pipeline, arrayrecord through grain.
    """
    layout, path = dataset.layout, dataset.path
    inputs = layout.features.get("inputs")
    if inputs is None or inputs.length is None:
        raise ConfigError("has no column `inputs` of a fixed length", file=path)
    train, validation = _train_and_validation(dataset.splits)
    settings: dict[str, Any]
    if kind == "tfrecord":
        name = f"{layout.name}:{layout.version}"
        settings = {
            "dataset_type": "tfds",
            "dataset_path": str(path.parent.parent),
            "dataset_name": name,
            "train_split": train,
        }
        evaluation = {"eval_dataset_name": name, "eval_split": validation}
    else:
        files = f"{path}/{layout.name}-{{}}.{layout.kind}-*"
        settings = {
            "dataset_type": "grain",
            "grain_file_type": "arrayrecord",
            "grain_train_files": files.format(train),
        }
        evaluation = {"grain_eval_files": files.format(validation)}
    settings |= {"tokenize_train_data": False, "train_data_columns": ["inputs"]}
    if validation:
        settings |= evaluation
        settings |= {"tokenize_eval_data": False, "eval_data_columns": ["inputs"]}
    # Packing again would make padding part of a segment, and train on it.
    settings |= {"packing": False, "max_target_length": inputs.length}
    keeps = [f"inputs: complete rows of {inputs.length:,} tokens, as they were packed"]
    if list(layout.features) == ["inputs"]:
        return settings, keeps, [*_LOST], []
    return settings, keeps, [_LOST_COLUMNS, *_LOST], [_USE_LOADER]


def _indexed(path: Path, manifest: Manifest | None) -> _Parts:
    """Return the same for `.bin` and `.idx`, which grain reads as one stream of tokens."""
    prefixes = {split: str(prefix.resolve()) for split, prefix in split_prefixes(path).items()}
    train, validation = _train_and_validation(prefixes)
    settings: dict[str, Any] = {
        "dataset_type": "grain",
        "grain_file_type": "mmap",
        "grain_train_files": prefixes[train],
    }
    if validation:
        settings["grain_eval_files"] = prefixes[validation]
    settings |= {"tokenize_train_data": False, "tokenize_eval_data": False}
    settings |= {"packing": False, "reset_attention_mask": True}
    eod = manifest.tokenizer.get("eod_id") if manifest and manifest.tokenizer else None
    advice = ["choose max_target_length; rows are cut from the concatenation of all documents"]
    if eod is not None:
        settings["mmap_eod_id"] = eod
    else:
        advice.append("set mmap_eod_id to the id that ends each document")
    keeps = [
        "every token, in the order of the documents",
        "document boundaries, from the end-of-document ids (reset_attention_mask)",
    ]
    loses = [
        "the last tokens, if they do not fill a row",
        "the loss at end-of-document ids: this pipeline treats them as padding",
    ]
    return settings, keeps, loses, advice


def _train_and_validation(splits: Mapping[str, Any]) -> tuple[str, str | None]:
    train = "train" if "train" in splits else next(iter(splits))
    return train, "validation" if "validation" in splits and train != "validation" else None


def _tokenizer(manifest: Manifest | None) -> dict[str, Any]:
    if manifest is None or not manifest.tokenizer:
        return {}
    path = Path(str(manifest.tokenizer["path"]))
    return {
        "tokenizer_type": "huggingface",
        "tokenizer_path": str(path.parent if path.suffix == ".json" else path),
        "vocab_size": manifest.tokenizer["vocab_size"],
    }
