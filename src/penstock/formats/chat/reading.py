"""Chat rows read back: those of a file, and those of a split of a directory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from penstock.errors import DataError
from penstock.formats._base import Dataset, TokenRow
from penstock.formats.chat.conversion import messages_of
from penstock.formats.chat.dataset_info import DatasetEntry, read_dataset_info
from penstock.formats.chat.rows import ChatRow, Message, Problem
from penstock.jsonl import read_rows
from penstock.manifest import read_manifest

#: How the names of entries end, by split; the first is how penstock writes them.
SUFFIXES = {"train": ("train",), "validation": ("eval", "validation", "dev"), "test": ("test",)}


def read_chat_rows(file: Path) -> Iterator[tuple[int, Any]]:
    """Yield each row with its line in JSON Lines, its number (from 1) in a JSON array.

    Raises DataError, with file and line, for what is neither.
    """
    if file.suffix == ".jsonl" or not begins_an_array(file):
        yield from read_rows(file)
        return
    try:
        rows = orjson.loads(file.read_bytes())
    except orjson.JSONDecodeError as error:
        raise DataError(f"not JSON ({error.msg})", file=file, line=error.lineno) from None
    yield from enumerate(rows, 1)


def begins_an_array(file: Path) -> bool:
    """Say whether a file is one JSON array; raises DataError where it cannot be read."""
    try:
        with file.open("rb") as stream:
            return stream.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[")
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", file=file) from None


class ChatDataset(Dataset):
    """A directory of chat rows that LLaMA-Factory reads.

    `entries` gives those of `dataset_info.json` that are a split's: by the manifest, else all whose
    names end as the split's are called (`_train`, `_eval`, `_test`).
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.info = read_dataset_info(path)
        self._manifest = read_manifest(path)
        self.entries: Mapping[str, list[DatasetEntry]] = {
            split: found for split in SUFFIXES if (found := self._entries_of(split))
        }

    def files(self, split: str) -> list[Path]:
        """Return the files of a split.

        Raises DataError for a split that is not there, and for several entries that may be meant.
        """
        entries = self.entries.get(split, [])
        if not entries:
            raise DataError(
                f"has no entry for {split}; call one NAME_{SUFFIXES[split][0]}",
                file=self.path,
            )
        if len(entries) > 1:
            names = ", ".join(entry.name for entry in entries)
            raise DataError(f"has several entries for {split}: {names}", file=self.path)
        return [self.path / (entry.file_name or "") for entry in entries]

    @cached_property
    def splits(self) -> Mapping[str, int]:  # type: ignore[override]
        """The number of rows of each split; files without a manifest are read for it."""
        known = {} if self._manifest is None else {e.path: e.rows for e in self._manifest.files}
        return {
            split: sum(self._count(file, known) for file in self.files(split))
            for split in self.entries
        }

    def messages(self, split: str) -> Iterator[ChatRow]:
        """Yield the rows of a split; raises DataError, with file and line, for one that is none."""
        for entry in self.entries.get(split, []):
            yield from self.messages_of_entry(entry)

    def messages_of_entry(self, entry: DatasetEntry) -> Iterator[ChatRow]:
        """Yield the rows of an entry; raises DataError, with file and line, where one is none."""
        file = self.path / (entry.file_name or "")
        for number, row in read_chat_rows(file):
            found = messages_of(row, entry)
            if isinstance(found, Problem):
                raise DataError(f"{found.message}; mend the row", file=file, line=number)
            turns = [Message(turn["role"], turn["content"]) for turn in found]
            yield ChatRow(turns, file, number)

    def rows(self, split: str, start: int = 0, stop: int | None = None) -> Iterator[TokenRow]:
        """Yield the rows as they lie: the column `row` (uint8) is JSON in UTF-8."""
        base = 0
        for file in self.files(split):
            for number, row in read_chat_rows(file):
                if start <= base and (stop is None or base < stop):
                    data = np.frombuffer(orjson.dumps(row), np.uint8)
                    yield TokenRow({"row": data}, file, number)
                base += 1

    def _entries_of(self, split: str) -> list[DatasetEntry]:
        if self._manifest is not None:
            files = {entry.path for entry in self._manifest.files if entry.split == split}
            return [entry for entry in self.info.values() if entry.file_name in files]
        ends = tuple(f"_{suffix}" for suffix in SUFFIXES[split])
        return [
            entry
            for name, entry in self.info.items()
            if name.endswith(ends) or name in SUFFIXES[split]
        ]

    def _count(self, file: Path, known: Mapping[str, int | None]) -> int:
        rows = known.get(file.name)
        return rows if rows is not None else sum(1 for _ in read_chat_rows(file))
