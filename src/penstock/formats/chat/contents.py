"""What is kept of the rows of a chat directory: hashes with which files can be compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from penstock.formats.chat.dataset_info import DatasetEntry

Hashes = NDArray[np.uint64]


@dataclass(eq=False)
class FileContents:
    """What is kept of the rows of one file: 37 bytes of each valid one.

    One value per valid row: `lines` (from 1; in an array and in Parquet the row's number),
    `prompts` and `answers` (hashes of letters and digits, prompts without their template),
    `exact` (a hash of both without case and white space), `repeats` (True if both are equal then)
    and `characters` (of all turns). Hashes are comparable within one process.

    `read` counts all rows, `problems` the rows with each problem code. `is_array` is True for a
    JSON array, `has_bom` for a file that begins with a byte order mark. `tokenized` counts
    answers with spaces before commas, `revealed` long answers that occur in their prompt.
    """

    file: Path
    lines: NDArray[np.int64]
    prompts: Hashes
    answers: Hashes
    exact: Hashes
    repeats: NDArray[np.bool_]
    characters: NDArray[np.int32]
    read: int
    problems: Mapping[str, int]
    is_array: bool
    has_bom: bool
    tokenized: int
    revealed: int

    @cached_property
    def pairs(self) -> Hashes:
        """One hash per row, of prompt and answer."""
        return _combined(self.prompts, self.answers)

    @cached_property
    def reversed_pairs(self) -> Hashes:
        """`pairs` with prompt and answer exchanged."""
        return _combined(self.answers, self.prompts)

    @property
    def reversed_share(self) -> float:
        """The share of rows whose reversed pair is in the same file."""
        return float(np.isin(self.reversed_pairs, self.pairs).mean()) if len(self.lines) else 0.0

    def count_in(self, files: Iterable[FileContents]) -> int:
        """Return how many rows are also in other files."""
        return int(np.isin(self.pairs, _all_pairs(files)).sum())


def _combined(first: Hashes, second: Hashes) -> Hashes:
    return first * np.uint64(0x9E3779B97F4A7C15) + second * np.uint64(0xC2B2AE3D27D4EB4F)


def _all_pairs(files: Iterable[FileContents]) -> Hashes:
    return np.concatenate([np.empty(0, np.uint64), *(file.pairs for file in files)])


def distinct_files(
    files: Iterable[FileContents], known: Sequence[FileContents] = ()
) -> list[FileContents]:
    """Return `known` and the files, largest first, that have rows which the others have not."""
    kept = list(known)
    for file in sorted(files, key=lambda file: -len(file.lines)):
        if not len(file.pairs) or not np.isin(file.pairs, _all_pairs(kept)).all():
            kept.append(file)
    return kept


@dataclass
class DirectoryContents:
    """What was read of a directory.

    `files` has the files of each entry, by the entry's name; `splits` the entries of train,
    validation and test; `split_files` the files of each split, without those whose rows are all in
    others; `other_files` such files of no split.
    """

    path: Path
    entries: Mapping[str, DatasetEntry] = field(default_factory=dict)
    files: dict[str, list[FileContents]] = field(default_factory=dict)
    splits: Mapping[str, Sequence[str]] = field(default_factory=dict)
    split_files: Mapping[str, Sequence[FileContents]] = field(default_factory=dict)
    other_files: Sequence[FileContents] = ()

    def files_of(self, entries: Iterable[str]) -> list[FileContents]:
        """Return the files of some entries, each once."""
        found = {file.file: file for name in entries for file in self.files.get(name, [])}
        return list(found.values())

    @property
    def parts(self) -> dict[str, list[str]]:
        """The entries of each split; if no split has rows, each entry as a part of its own.

        An entry without rows of its own is left out.
        """
        if not self.split_files:
            return {f"'{name}'": [name] for name, files in self.files.items() if files}
        return {
            split: [name for name in self.splits[split] if {*self.files.get(name, ())} & {*files}]
            for split, files in self.split_files.items()
        }

    def count(self, entries: Iterable[str]) -> int:
        """Return the number of rows of some entries, each file counted once."""
        return sum(file.read for file in self.files_of(entries))

    def in_two_splits(self, one: FileContents, other: FileContents) -> bool:
        """Return True if two files belong to different splits."""
        splits = [
            {split for split, names in self.splits.items() if file in self.files_of(names)}
            for file in (one, other)
        ]
        return all(splits) and splits[0].isdisjoint(splits[1])
