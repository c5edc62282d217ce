"""Which chat rows a run trains on, chooses by and is evaluated on.

The train split trains, the validation split chooses, and the test split is reported where there is
one, else the validation split again. Instead of a split, entries can be named.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from penstock.errors import ConfigError, DataError, did_you_mean, did_you_mean_beside
from penstock.formats.chat import DATASET_INFO, ChatDataset, ChatRow, DatasetEntry
from penstock.manifest import Manifest, describe, read_manifest
from penstock.runs import RunData


@dataclass(frozen=True)
class ChatSplits:
    """The rows of a run, each once in its role; `evaluation_split` says where they are from.

    `manifest` is that of the dataset, or describes the files that were read.
    """

    train: list[ChatRow]
    dev: list[ChatRow]
    evaluation: list[ChatRow]
    evaluation_split: Literal["validation", "test"]
    manifest: Manifest


def read_splits(data: RunData) -> ChatSplits:
    """Read every row of a run, and prove the dataset against its manifest where it has one.

    Raises ConfigError for a directory or an entry that is not there, DataError, with file and line,
    for a row that trainers cannot use, and for a split without rows.
    """
    path = Path(str(data.path))
    if not path.is_dir():
        raise ConfigError(
            f"{path}: there is no such directory{did_you_mean_beside(path)}", field="data.path"
        )
    dataset = ChatDataset(path)
    chosen = chosen_entries(dataset, data)
    manifest = _manifest(path, chosen)
    rows = {split: _rows(dataset, split, entries) for split, entries in chosen.items()}
    return ChatSplits(
        train=rows["train"],
        dev=rows["validation"],
        evaluation=rows.get("test", rows["validation"]),
        evaluation_split="test" if "test" in rows else "validation",
        manifest=manifest,
    )


def chosen_entries(
    dataset: ChatDataset, data: RunData, required: Collection[str] = ("train", "validation")
) -> dict[str, list[DatasetEntry]]:
    """Return the entries of each split, those that are named before those that are a split's.

    Raises ConfigError for an entry that is not there, for a required split that has none, and for
    one that has several.
    """
    chosen = {}
    for split in ("train", "validation", "test"):
        names = data.entries.get(split)
        entries = dataset.entries.get(split, [])
        if names is not None:
            chosen[split] = [_named(dataset, split, name.strip()) for name in names.split(",")]
        elif len(entries) > 1:
            several = ", ".join(entry.name for entry in entries)
            raise ConfigError(
                f"{dataset.path / DATASET_INFO} has several entries for {split}: {several}; name "
                "those that are meant, with commas between",
                field=f"data.{split}",
            )
        elif entries:
            chosen[split] = entries
        elif split in required:
            raise ConfigError(
                f"{dataset.path / DATASET_INFO} has no entry for {split}; name one of "
                f"{', '.join(dataset.info)}",
                field=f"data.{split}",
            )
    return chosen


def _named(dataset: ChatDataset, split: str, name: str) -> DatasetEntry:
    if name not in dataset.info:
        known = did_you_mean(name, dataset.info) or f"; known: {', '.join(dataset.info)}"
        raise ConfigError(
            f"{dataset.path / DATASET_INFO} has no entry '{name}'{known}", field=f"data.{split}"
        )
    entry = dataset.info[name]
    if entry.file_name is None:
        raise ConfigError(
            f"the rows of '{name}' are in no file of {dataset.path}", field=f"data.{split}"
        )
    return entry


def _rows(dataset: ChatDataset, split: str, entries: list[DatasetEntry]) -> list[ChatRow]:
    rows = [row for entry in entries for row in dataset.messages_of_entry(entry)]
    if not rows:
        names = ", ".join(entry.name for entry in entries)
        raise DataError(
            f"has no rows for {split} ({names}); training on nothing is refused", file=dataset.path
        )
    return rows


def _manifest(path: Path, chosen: dict[str, list[DatasetEntry]]) -> Manifest:
    manifest = read_manifest(path)
    if manifest is None:
        splits = {str(e.file_name): split for split, entries in chosen.items() for e in entries}
        return describe(path, [DATASET_INFO, *splits], format="chat", task=None, splits=splits)
    manifest.require_unchanged(path)
    return manifest
