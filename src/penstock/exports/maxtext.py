"""`maxtext`: the configuration by which stock MaxText reads a dataset, and what it makes of it.

Read from src/maxtext/input_pipeline of https://github.com/AI-Hypercomputer/maxtext, main branch of
September 2026 (`__version__` 0.2.2).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from penstock.errors import ConfigError
from penstock.exports._base import Export, Exporter, NoOptions
from penstock.exports._maxtext_install import installed_maxtext
from penstock.formats import find_dataset
from penstock.formats.megatron import split_prefixes
from penstock.manifest import Manifest, manifest_of

_KNOWN_VERSION = "0.2.2 (main of September 2026); none is installed here"
_FORMATS = ("tfrecord", "arrayrecord", "megatron")
_LOST = (
    "targets, positions and segmentations are dropped without a word: MaxText keeps one data "
    "column and makes these again from it",
    "the boundaries of documents: attention crosses from one document of a row to the next, and "
    "positions run on through the row",
    "the mask at the last token of a document: it is trained to predict the first token of the "
    "next one",
    "the mask of padding, unless padding has the tokenizer's pad id (its unk id where it has no "
    "pad id); a real token with that id is then masked too",
)
_KEEP_THEM = (
    "to train on all columns, feed MaxText from penstock.loading.packed (PackedGrainSource or "
    "packed_tf_dataset) instead"
)


class MaxText(Exporter):
    """Settings for MaxText's pretraining pipelines: tfds, and grain for the other two formats."""

    name: ClassVar[str] = "maxtext"

    def export(self, dataset: Path, options: NoOptions) -> Export:
        """Return the settings for a tfrecord, arrayrecord or megatron dataset."""
        format, path = find_dataset(dataset, _FORMATS)
        path = path.resolve()
        manifest = manifest_of(path)
        if format.name == "megatron":
            made = _indexed(path, manifest)
        else:
            made = _packed(format.name, format.open(path))
        return _for_version(made, _tokenizer(manifest), path)


def _for_version(made: Export, tokenizer: Mapping[str, Any], path: Path) -> Export:
    """Leave out the keys that the installed MaxText has not, and say so."""
    settings = {**made.settings, **tokenizer}
    installed = installed_maxtext()
    if installed is None:
        return replace(made, settings=settings, version=_KNOWN_VERSION)
    if settings.get("grain_file_type") == "mmap" and "mmap_eod_id" not in installed.keys:
        raise ConfigError(
            f"MaxText {installed.version}, does not read .bin and .idx; take a newer one, or build "
            "the dataset as arrayrecord",
            file=path,
        )
    known = {key: value for key, value in settings.items() if key in installed.keys}
    unknown = [key for key in settings if key not in known]
    advice = [*made.advice]
    if unknown:
        advice.append(f"this version has no {', '.join(unknown)}: left out")
    return replace(made, settings=known, version=installed.version, advice=advice)


def _packed(kind: str, dataset: Any) -> Export:
    """Return the settings for packed rows: tfds for tfrecord, grain for arrayrecord."""
    layout, path = dataset.layout, dataset.path
    inputs = layout.features.get("inputs")
    if inputs is None or inputs.length is None:
        raise ConfigError("has no column `inputs` of a fixed length", file=path)
    train, validation = _train_and_validation(dataset.splits)
    name = f"{layout.name}:{layout.version}"
    settings: dict[str, Any]
    if kind == "tfrecord":
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
    keeps = [f"inputs: whole rows of {inputs.length:,} tokens, as they were packed"]
    alone = list(layout.features) == ["inputs"]
    loses, advice = (_LOST[1:], []) if alone else (_LOST, [_KEEP_THEM])
    return Export("maxtext", "", str(path), settings, keeps, loses, advice)


def _indexed(path: Path, manifest: Manifest | None) -> Export:
    """Return the settings for `.bin` and `.idx`, which grain reads as one line of tokens."""
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
    advice = ["max_target_length is yours to choose; rows are cut from all documents in a line"]
    if eod is not None:
        settings["mmap_eod_id"] = eod
    else:
        advice.append("mmap_eod_id must be the id that ends each document: set it yourself")
    return Export(
        "maxtext",
        "",
        str(path),
        settings,
        [
            "every token, in the order of the documents",
            "the boundaries of documents, from the end-of-document ids (reset_attention_mask)",
        ],
        [
            "the last tokens, where they do not fill a row",
            "the loss at end-of-document ids: this pipeline takes them for padding",
        ],
        advice,
    )


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


EXPORT = MaxText()
