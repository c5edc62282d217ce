"""Which chat rows a run trains on, chooses by and is evaluated on.

The train split trains, the validation split chooses, and the test split is reported where there is
one, else the validation split again. Instead of a split, entries can be named.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Literal

from penstock.errors import ConfigError, DataError, did_you_mean, did_you_mean_beside
from penstock.files import plural
from penstock.formats.chat import DATASET_INFO, ChatDataset, ChatRow, DatasetEntry
from penstock.manifest import Manifest, describe, read_manifest
from penstock.runs import RunData


@dataclass(frozen=True)
class ChatSplits:
    """The rows of a run, each once in its role; `evaluation_split` says where they are from."""

    train: list[ChatRow]
    dev: list[ChatRow]
    evaluation: list[ChatRow]
    evaluation_split: Literal["validation", "test"]


def read_splits(data: RunData) -> ChatSplits:
    """Read and hold every row of a run; raises what `ChatRows` raises."""
    rows: dict[str, list[ChatRow]] = {}
    for split, row in ChatRows(data):
        rows.setdefault(split, []).append(row)
    return ChatSplits(
        train=rows["train"],
        dev=rows["validation"],
        evaluation=rows.get("test", rows["validation"]),
        evaluation_split="test" if "test" in rows else "validation",
    )


class ChatRows:
    """The rows of a run, each with the name of its split, read one after the other, train first.

    `entries` are those of each of `splits`, the named ones before those that are a split's. Raises
    ConfigError for a directory or an entry that is not there, for a `required` split that has no
    entry, for a split that has several, and for one file in two places.

    Iterating raises DataError, with file and line, for a row that trainers cannot use; for a split
    without rows; and for rows of validation or test that stand in train. It raises ConfigError for
    an entry to train on whose rows all stand in another one.
    """

    def __init__(
        self,
        data: RunData,
        required: Collection[str] = ("train", "validation"),
        splits: Sequence[str] = ("train", "validation", "test"),
    ) -> None:
        self.path = Path(str(data.path))
        if not self.path.is_dir():
            hint = did_you_mean_beside(self.path)
            raise ConfigError(f"{self.path}: there is no such directory{hint}", field="data.path")
        self._dataset = ChatDataset(self.path)
        self.entries = _chosen_entries(self._dataset, data, required, splits)

    def __iter__(self) -> Iterator[tuple[str, ChatRow]]:
        # Hashes, of each entry: conversations would fill the memory.
        train: dict[str, set[int]] = {}
        for split, entries in self.entries.items():
            count, copies = 0, []
            for name, row in self._rows(entries):
                content = hash(tuple(row.messages))
                if split == "train":
                    train.setdefault(name, set()).add(content)
                elif any(content in contents for contents in train.values()):
                    copies.append(row)
                count += 1
                yield split, row
            if not count:
                names = ", ".join(entry.name for entry in entries)
                raise DataError(
                    f"has no rows for {split} ({names}); training on nothing is refused",
                    file=self.path,
                )
            if copies:
                raise _in_train(split, copies, count)
            if split == "train":
                _refuse_repeated(train)

    def _rows(self, entries: list[DatasetEntry]) -> Iterator[tuple[str, ChatRow]]:
        for entry in entries:
            for row in self._dataset.messages_of_entry(entry):
                yield entry.name, row

    def manifest(self) -> Manifest:
        """Return what the dataset is: its manifest, proved byte by byte, or one of the files read.

        Raises DataError when the files are no longer what the manifest says.
        """
        manifest = read_manifest(self.path)
        if manifest is None:
            splits = {str(e.file_name): s for s, entries in self.entries.items() for e in entries}
            names = [DATASET_INFO, *splits]
            return describe(self.path, names, format="chat", task=None, splits=splits)
        manifest.require_unchanged(self.path)
        return manifest


def _chosen_entries(
    dataset: ChatDataset, data: RunData, required: Collection[str], splits: Sequence[str]
) -> dict[str, list[DatasetEntry]]:
    chosen = {}
    for split in splits:
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
    _refuse_shared_files(chosen, data)
    return chosen


def _refuse_shared_files(chosen: dict[str, list[DatasetEntry]], data: RunData) -> None:
    """Refuse a file that is read twice: for two splits, or twice for one."""
    known: dict[str, tuple[str, str]] = {}
    for split, entries in chosen.items():
        for entry in entries:
            file = os.path.normpath(entry.file_name or entry.name)
            if file in known:
                other, name = known[file]
                at = other if split not in data.entries and other in data.entries else split
                raise ConfigError(
                    f"'{entry.name}', for {split}, and '{name}', for {other}, are the same rows "
                    f"({file}); name each file once",
                    field=f"data.{at}",
                )
            known[file] = split, entry.name


def _refuse_repeated(train: Mapping[str, set[int]]) -> None:
    """Refuse entries of which one holds all that another one holds; `train` has their rows."""
    for one, other in permutations(train, 2):
        if train[one] <= train[other]:
            raise ConfigError(
                f"every row of '{one}' stands in '{other}' as well, and would be trained on twice; "
                "name one of them",
                field="data.train",
            )


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


def _in_train(split: str, copies: list[ChatRow], count: int) -> DataError:
    return DataError(
        f"{len(copies):,} of {plural(count, 'row')} of {split}, this one first, "
        f"{'stands' if len(copies) == 1 else 'stand'} in train as well: a score on them tells "
        "nothing; take them out of one (penstock check tells where they are)",
        file=copies[0].file,
        line=copies[0].number,
    )
