"""A directory that LLaMA-Factory reads: its entries, their rows, and its splits."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from penstock.checks import _codes as codes
from penstock.checks._collect import Collector
from penstock.checks._tokens.manifest import check_manifest
from penstock.checks.chat.entries import EntryCheck
from penstock.checks.chat.leaks import check_repeats, check_splits, distinct_files
from penstock.checks.chat.rows import FileRows, read_rows
from penstock.checks.chat.template import PromptTemplate, recorded_template
from penstock.checks.task_jsonl.lines import check_lines, check_mark
from penstock.errors import DataError
from penstock.files import plural
from penstock.formats.chat import (
    DATASET_INFO,
    PARQUET,
    ChatDataset,
    DatasetEntry,
    begins_an_array,
    read_dataset_info,
)

#: How many files a message lists.
_NAMED = 5


@dataclass
class ChatFiles:
    """What was read of a directory.

    `rows` has the files of each entry, by its name; `splits` the names of the entries of train,
    validation and test; `of_splits` the files of each split of which none holds only what the
    others hold, and `others` such files of no split.
    """

    path: Path
    entries: Mapping[str, DatasetEntry] = field(default_factory=dict)
    rows: dict[str, list[FileRows]] = field(default_factory=dict)
    splits: Mapping[str, Sequence[str]] = field(default_factory=dict)
    of_splits: Mapping[str, Sequence[FileRows]] = field(default_factory=dict)
    others: Sequence[FileRows] = ()

    def of(self, names: Sequence[str]) -> list[FileRows]:
        """Return the files of some entries, each once."""
        files = {rows.file: rows for name in names for rows in self.rows.get(name, [])}
        return list(files.values())

    @property
    def parts(self) -> dict[str, list[str]]:
        """The names of the entries of each split, or by itself each entry where no split has rows.

        Of two entries of a split one is left out that has no rows of its own.
        """
        if not self.of_splits:
            return {f"'{name}'": [name] for name, files in self.rows.items() if files}
        return {
            split: [name for name in self.splits[split] if {*self.rows.get(name, ())} & {*files}]
            for split, files in self.of_splits.items()
        }

    def count(self, names: Sequence[str]) -> int:
        """Return the number of rows of some entries, those of each file once."""
        return sum(rows.read for rows in self.of(names))

    def in_two_splits(self, one: FileRows, other: FileRows) -> bool:
        """Say whether two files are of different splits."""
        splits = [
            {s for s, names in self.splits.items() if rows in self.of(names)}
            for rows in (one, other)
        ]
        return all(splits) and splits[0].isdisjoint(splits[1])


def check_directory(path: Path, collector: Collector, *, full: bool) -> ChatFiles:
    """Check the entries, the rows and the splits of a directory, and its manifest."""
    manifest = check_manifest(path, collector, full=full)
    try:
        entries = read_dataset_info(path)
    except DataError as error:
        collector.add(
            codes.INFO_UNREADABLE,
            error.message,
            file=Path(error.file),
            line=error.line,
            fix=_fix(path / DATASET_INFO, "correct it; it has an object for each dataset, by name"),
        )
        return ChatFiles(path)
    found = ChatFiles(path, entries)
    _read_entries(found, recorded_template(manifest), collector)
    try:
        of_split = ChatDataset(path).entries
    except DataError:
        of_split = {}  # of the manifest, which has been spoken of
    found.splits = {split: [entry.name for entry in of_split[split]] for split in of_split}
    splits = {split: distinct_files(found.of(names)) for split, names in found.splits.items()}
    found.of_splits = {split: files for split, files in splits.items() if files}
    check_splits(found.of_splits, collector)
    of_splits = [rows for files in found.of_splits.values() for rows in files]
    others = [rows for rows in found.of(list(found.rows)) if rows not in of_splits]
    distinct = distinct_files(others, distinct_files(of_splits))
    found.others = [rows for rows in distinct if rows in others]
    for rows in distinct:
        check_repeats(rows, collector)
    return found


def report_uncompared(found: ChatFiles, collector: Collector) -> None:
    """Say which files were compared with nothing, as no name tells their splits."""
    if not found.others or len(found.of_splits) > 1 or len(found.of_splits) + len(found.others) < 2:
        return
    # An entry may name a file outside.
    names = ", ".join(os.path.relpath(rows.file, found.path) for rows in found.others[:_NAMED])
    more = f" and {len(found.others) - _NAMED} more" if len(found.others) > _NAMED else ""
    message = f"no split is told by the names of entries; not compared: {names}{more}"
    collector.add(codes.SPLITS_UNKNOWN, message, file=found.path / DATASET_INFO)


def _read_entries(found: ChatFiles, template: PromptTemplate | None, collector: Collector) -> None:
    """Check every entry and read its files, each once for all entries that read it alike."""
    known: dict[tuple[Path, str], FileRows | None] = {}
    for name, entry in found.entries.items():
        check = EntryCheck(found.path, entry, collector)
        sound = check.settings()
        files = check.files()
        if not sound:
            continue
        layout = f"{entry.formatting} {entry.columns} {entry.tags} {entry.settings.get('ranking')}"
        found.rows[name] = []
        for file in files:
            if (file, layout) not in known:
                first = not any(other == file for other, _ in known)
                known[file, layout] = _read_file(file, check, template, collector, first=first)
            if (rows := known[file, layout]) is not None:
                found.rows[name].append(rows)
        _check_samples(check, found.rows[name])


def _read_file(
    file: Path,
    check: EntryCheck,
    template: PromptTemplate | None,
    collector: Collector,
    *,
    first: bool,
) -> FileRows | None:
    """Read a file as an entry says, for its lines too the `first` time; None where it cannot be."""
    try:
        if first and file.suffix != PARQUET:
            (check_mark if begins_an_array(file) else check_lines)(file, collector)
        return read_rows(file, check, template, collector)
    except DataError as error:
        fix = _fix(file, "write the file again, or take its entry out")
        collector.add(codes.FILE_UNREADABLE, error.message, file=file, fix=fix)
        return None


def _fix(file: Path, otherwise: str) -> str:
    """Return how to mend a file that could not be read, for its rights or for what is in it."""
    return otherwise if os.access(file, os.R_OK) else codes.FILE_UNREADABLE.fix


def _check_samples(check: EntryCheck, files: Sequence[FileRows]) -> None:
    wanted = check.entry.settings.get("num_samples")
    rows = sum(rows.read for rows in files)
    if files and wanted is not None and wanted != rows:
        message = f"takes num_samples {wanted:,} of {plural(rows, 'row')}: "
        message += "the others are left out" if wanted < rows else "some stand more than once"
        check.add(codes.ENTRY_SAMPLED, f"{message}, and which depends on no seed")
