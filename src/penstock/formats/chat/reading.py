"""Read chat rows: of a file, and of a split of a directory."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import orjson

from penstock.errors import DataError, did_you_mean_path
from penstock.fields import kind_of
from penstock.formats._base import Dataset, TokenRow
from penstock.formats.chat.dataset_info import DATASET_INFO, DatasetEntry, read_dataset_info
from penstock.formats.chat.messages import ChatRow, Message, Problem, messages_of
from penstock.json_items import CheckedJson, InvalidJsonError, json_items
from penstock.jsonl import BOM, BadLine, parse_line, scan
from penstock.manifest import read_manifest

#: The suffixes of entry names by split; penstock writes the first one.
SUFFIXES = {"train": ("train",), "validation": ("eval", "validation", "dev"), "test": ("test",)}
PARQUET = ".parquet"
#: Files that LLaMA-Factory reads and penstock does not.
_UNREAD = (".csv", ".arrow", ".txt")
#: A longer line of an array usually holds many rows.
_MAX_LINE = 1 << 20
#: The codes of lines that are a part of a row, or hold several.
_PARTIAL = ("json-invalid", "not-utf8", "line-empty")


def scan_chat_rows(file: Path) -> Iterator[tuple[int, dict[str, Any] | BadLine]]:
    """Yield the line (from 1) of each row, and the row or what is wrong with it.

    For a JSON array and for Parquet it is the row's number. An array is read as a stream, up to
    the first invalid JSON. Raises DataError for a file that is missing, not readable, or of another
    kind.
    """
    if file.suffix in _UNREAD:
        raise DataError(
            f"penstock reads no {file.suffix} file of chat rows; write it as .jsonl, .json or "
            f"{PARQUET}",
            file=file,
        )
    if file.suffix == PARQUET:
        yield from _scan_parquet(file)
    elif not begins_an_array(file):
        yield from scan(file)
    elif (before := (yield from _scan_lines(file))) is not None:
        yield from _scan_items(file, before)


def read_chat_rows(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield what `scan_chat_rows` yields; raises DataError for the first invalid row."""
    for number, row in scan_chat_rows(file):
        if isinstance(row, BadLine):
            raise DataError(row.message, file=file, line=number)
        yield number, row


def begins_an_array(file: Path) -> bool:
    """Return True for a file that is one JSON array; raises DataError if it cannot be read."""
    try:
        with file.open("rb") as stream:
            return stream.read(64).removeprefix(BOM).lstrip(b" \t\r\n").startswith(b"[")
    except FileNotFoundError:
        raise _missing(file) from None
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", file=file) from None


def _opened(file: Path) -> BinaryIO:
    """Open a file after its byte order mark, if it has one."""
    stream = file.open("rb")
    stream.seek(len(BOM) if stream.read(len(BOM)) == BOM else 0)
    return stream


def _missing(file: Path) -> DataError:
    hint = did_you_mean_path(file) or "; restore it, or remove its entry"
    return DataError(f"does not exist, but {DATASET_INFO} names it{hint}", file=file)


def _scan_parquet(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file) as table:
            rows = (row for batch in table.iter_batches() for row in batch.to_pylist())
            yield from enumerate(rows, 1)
    except FileNotFoundError:
        raise _missing(file) from None
    except PermissionError as error:
        raise DataError(f"cannot be read: {error.strerror}", file=file) from None
    except (OSError, pa.ArrowException):
        # Arrow's message may contain bytes of rows.
        raise DataError("cannot be read as Parquet; make it again", file=file) from None


def _scan_lines(file: Path) -> Generator[tuple[int, dict[str, Any] | BadLine], None, int | None]:
    """Yield the rows of an array with one row per line, as penstock writes it: the fast path.

    Return None at the end of the array, else the number of rows before a line that is no row.
    """
    number, expects_row = 0, True
    with _opened(file) as stream:
        lines = iter(partial(stream.readline, _MAX_LINE), b"")
        if next(lines).strip() != b"[":
            return 0
        for line in map(bytes.strip, lines):
            if not expects_row:
                return None if line == b"]" and not stream.read(_MAX_LINE).strip() else number
            expects_row = line.endswith(b",")
            row = parse_line(line.removesuffix(b","))
            if isinstance(row, BadLine) and row.code in _PARTIAL:
                break
            number += 1
            yield number, row
    return number


def _scan_items(file: Path, before: int) -> Iterator[tuple[int, dict[str, Any] | BadLine]]:
    """Yield the rows of an array of any layout, after the first `before` rows."""
    number = 0
    with _opened(file) as stream:
        try:
            for number, row in enumerate(json_items(CheckedJson(stream), "item"), 1):
                if number > before:
                    wrong = BadLine("not-an-object", f"{kind_of(row)}, must be an object")
                    yield number, row if isinstance(row, dict) else wrong
        except InvalidJsonError as error:
            code = error.fault if error.fault in ("not-utf8", "key-repeated") else "json-invalid"
            yield max(number, before) + 1, BadLine(code, error.reason)


class ChatDataset(Dataset):
    """A directory of chat rows that LLaMA-Factory reads.

    `info` has all entries of `dataset_info.json`, `entries` those of each split: by the manifest,
    or else by the suffix of their names (`_train`, `_eval`, `_test`).
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.info = read_dataset_info(path)
        self._manifest = read_manifest(path)
        self.entries: Mapping[str, list[DatasetEntry]] = {
            split: found for split in SUFFIXES if (found := self._entries_of(split))
        }

    def files(self, split: str) -> list[Path]:
        """Return the files of a split; raises DataError unless exactly one entry belongs to it."""
        entries = self.entries.get(split, [])
        if not entries:
            raise DataError(
                f"has no entry for {split}; name one NAME_{SUFFIXES[split][0]}",
                file=self.path,
            )
        if len(entries) > 1:
            names = ", ".join(entry.name for entry in entries)
            raise DataError(f"has several entries for {split}: {names}", file=self.path)
        return [self.path / (entry.file_name or "") for entry in entries]

    @cached_property
    def splits(self) -> Mapping[str, int]:  # type: ignore[override]
        """The number of rows of each split; without a manifest the files are read and counted."""
        known = {} if self._manifest is None else {e.path: e.rows for e in self._manifest.files}
        return {
            split: sum(self._count(file, known) for file in self.files(split))
            for split in self.entries
        }

    def messages(self, split: str) -> Iterator[ChatRow]:
        """Yield the rows of a split; raises DataError, with file and line, for an invalid one."""
        for entry in self.entries.get(split, []):
            yield from self.messages_of_entry(entry)

    def messages_of_entry(self, entry: DatasetEntry) -> Iterator[ChatRow]:
        """Yield the rows of an entry; raises DataError, with file and line, for an invalid one."""
        file = self.path / (entry.file_name or "")
        for number, row in read_chat_rows(file):
            found = messages_of(row, entry)
            if isinstance(found, Problem):
                raise DataError(f"{found.message}; correct the row", file=file, line=number)
            turns = [Message(turn["role"], turn["content"]) for turn in found]
            yield ChatRow(turns, file, number)

    def rows(self, split: str, start: int = 0, stop: int | None = None) -> Iterator[TokenRow]:
        """Yield the rows of a split: the column `row` (uint8) is compact JSON in UTF-8."""
        base = 0
        for file in self.files(split):
            for number, row in read_chat_rows(file):
                if start <= base and (stop is None or base < stop):
                    # `default`: Parquet has types that JSON lacks.
                    data = np.frombuffer(orjson.dumps(row, default=str), np.uint8)
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
