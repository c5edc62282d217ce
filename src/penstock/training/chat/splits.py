"""The chat rows of a run, by split.

The train split is trained on, the validation split chooses checkpoints, and the test split is
evaluated, or the validation split if there is none. Entries of `dataset_info.json` can be named
instead of a split.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from itertools import permutations
from pathlib import Path

from penstock.errors import ConfigError, DataError, did_you_mean, did_you_mean_path
from penstock.files import plural
from penstock.formats.chat import DATASET_INFO, ChatDataset, ChatRow, DatasetEntry
from penstock.manifest import Manifest, describe, read_manifest
from penstock.runs import RunData


class ChatRows:
    """The rows of a run with the names of their splits, read in sequence, train first.

    `entries` maps each of `splits` to its entries: those named in `data`, or the split's own.
    Raises ConfigError for a missing directory or entry, a `required` split without an entry, a
    split with several entries of which none is named, and a file that is read twice.

    Iterating raises DataError, with file and line, for a row that trainers cannot use; for a split
    without rows; and for validation or test rows that also occur in train. It raises ConfigError
    if all rows of one train entry also occur in another.
    """

    def __init__(
        self,
        data: RunData,
        required: Collection[str] = ("train", "validation"),
        splits: Sequence[str] = ("train", "validation", "test"),
    ) -> None:
        self.path = Path(str(data.path))
        if not self.path.is_dir():
            hint = did_you_mean_path(self.path)
            raise ConfigError(f"{self.path}: there is no such directory{hint}", field="data.path")
        self._dataset = ChatDataset(self.path)
        self.entries = _select_entries(self._dataset, data, required, splits)
        _check_distinct_files(self.entries, data)

    def __iter__(self) -> Iterator[tuple[str, ChatRow]]:
        # Hashes per train entry: the conversations themselves would fill the memory.
        train: dict[str, set[int]] = {}
        for split, entries in self.entries.items():
            count, copies = 0, []
            for entry in entries:
                for row in self._dataset.messages_of_entry(entry):
                    content = hash(tuple(row.messages))
                    if split == "train":
                        train.setdefault(entry.name, set()).add(content)
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
                raise DataError(
                    f"{len(copies):,} of {plural(count, 'row')} of {split} also "
                    f"{'occurs' if len(copies) == 1 else 'occur'} in train, this one first: their "
                    "score is meaningless; remove them from one split (penstock check lists them)",
                    file=copies[0].file,
                    line=copies[0].number,
                )
            if split == "train":
                for one, other in permutations(train, 2):
                    if train[one] <= train[other]:
                        raise ConfigError(
                            f"every row of '{one}' is also in '{other}' and would be trained on "
                            "twice; name one of them",
                            field="data.train",
                        )

    def by_split(self) -> dict[str, list[ChatRow]]:
        """Return all rows of each split; raises what iterating raises."""
        rows: dict[str, list[ChatRow]] = {split: [] for split in self.entries}
        for split, row in self:
            rows[split].append(row)
        return rows

    def manifest(self) -> Manifest:
        """Return the dataset's manifest, or one of the files read if it has none.

        Raises DataError if the files differ from the manifest.
        """
        manifest = read_manifest(self.path)
        if manifest is None:
            splits = {str(e.file_name): s for s, entries in self.entries.items() for e in entries}
            names = [DATASET_INFO, *splits]
            return describe(self.path, names, format="chat", task=None, splits=splits)
        manifest.require_unchanged(self.path)
        return manifest


def _select_entries(
    dataset: ChatDataset, data: RunData, required: Collection[str], splits: Sequence[str]
) -> dict[str, list[DatasetEntry]]:
    selected = {}
    for split in splits:
        names = data.entries.get(split)
        entries = dataset.entries.get(split, [])
        if names is not None:
            selected[split] = [_entry(dataset, split, name.strip()) for name in names.split(",")]
        elif len(entries) > 1:
            found = ", ".join(entry.name for entry in entries)
            raise ConfigError(
                f"{dataset.path / DATASET_INFO} has several entries for {split}: {found}; name "
                "those to use, separated by commas",
                field=f"data.{split}",
            )
        elif entries:
            selected[split] = entries
        elif split in required:
            raise ConfigError(
                f"{dataset.path / DATASET_INFO} has no entry for {split}; name one of "
                f"{', '.join(dataset.info)}",
                field=f"data.{split}",
            )
    return selected


def _entry(dataset: ChatDataset, split: str, name: str) -> DatasetEntry:
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


def _check_distinct_files(selected: dict[str, list[DatasetEntry]], data: RunData) -> None:
    """Refuse a file that is read twice, for one split or for two."""
    known: dict[str, tuple[str, str]] = {}
    for split, entries in selected.items():
        for entry in entries:
            file = os.path.normpath(entry.file_name or entry.name)
            if file in known:
                other, name = known[file]
                field = other if split not in data.entries and other in data.entries else split
                raise ConfigError(
                    f"'{entry.name}', for {split}, and '{name}', for {other}, are the same rows "
                    f"({file}); name each file once",
                    field=f"data.{field}",
                )
            known[file] = split, entry.name
