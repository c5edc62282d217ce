"""A directory of chat rows: its entries, their rows, and its splits."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

import orjson

from penstock.checks import _codes
from penstock.checks._files import check_bom, check_line_ends, check_manifest
from penstock.checks.chat import _codes as codes
from penstock.checks.chat.leaks import check_repeats, check_splits
from penstock.checks.chat.rows import read_rows
from penstock.checks.chat.template import PromptTemplate, recorded_template
from penstock.errors import DataError, did_you_mean_path
from penstock.files import plural
from penstock.findings import Code, Collector
from penstock.formats.chat import (
    DATASET_INFO,
    LOCATIONS,
    PARQUET,
    ChatDataset,
    DatasetEntry,
    DirectoryContents,
    EntryProblem,
    FileContents,
    begins_an_array,
    distinct_files,
    problems_of_entry,
    read_dataset_info,
)

#: The kind of each suffix that can be loaded; the files of an entry are of one kind.
_KINDS = {
    ".jsonl": "json",
    ".json": "json",
    ".arrow": "arrow",
    ".csv": "csv",
    PARQUET: "parquet",
    ".txt": "text",
}
#: The kinds whose rows are checked.
_CHECKED_KINDS = ("json", "parquet")
#: The most files that a message lists.
_MAX_LISTED = 5


def check_directory(path: Path, collector: Collector, *, full: bool) -> DirectoryContents:
    """Check a directory's manifest, entries, rows and splits; return what was read."""
    manifest = check_manifest(path, collector, full=full)
    contents = DirectoryContents(path)
    try:
        contents.entries = read_dataset_info(path)
    except DataError as error:
        fix = _fix(path / DATASET_INFO, "correct it; it has an object for each dataset, by name")
        file = Path(error.file)
        collector.add(_codes.INFO_UNREADABLE, error.message, file=file, line=error.line, fix=fix)
        return contents
    _check_entries(contents, recorded_template(manifest), collector)
    try:
        split_entries = ChatDataset(path).entries
    except DataError:
        split_entries = {}  # the manifest is damaged, which check_manifest has reported
    contents.splits = {split: [e.name for e in found] for split, found in split_entries.items()}
    files = {s: distinct_files(contents.files_of(names)) for s, names in contents.splits.items()}
    contents.split_files = {split: found for split, found in files.items() if found}
    check_splits(contents.split_files, collector)
    in_splits = [file for found in contents.split_files.values() for file in found]
    others = [file for file in contents.files_of(contents.files) if file not in in_splits]
    distinct = distinct_files(others, distinct_files(in_splits))
    contents.other_files = [file for file in distinct if file in others]
    for each in distinct:
        check_repeats(each, collector)
    return contents


def report_uncompared(contents: DirectoryContents, collector: Collector) -> None:
    """Report files that were not compared, as the names of their entries name no split."""
    others, splits = contents.other_files, len(contents.split_files)
    if not others or splits > 1 or splits + len(others) < 2:
        return
    # An entry may name a file outside the directory.
    names = ", ".join(os.path.relpath(file.file, contents.path) for file in others[:_MAX_LISTED])
    more = f" and {len(others) - _MAX_LISTED} more" if len(others) > _MAX_LISTED else ""
    message = f"the names of entries name no splits; not compared: {names}{more}"
    collector.add(codes.SPLITS_UNKNOWN, message, file=contents.path / DATASET_INFO)


def _check_entries(
    contents: DirectoryContents, template: PromptTemplate | None, collector: Collector
) -> None:
    """Check every entry and read its files, once for all entries with the same layout."""
    known: dict[tuple[Path, str], FileContents | None] = {}
    for name, entry in contents.entries.items():
        check = _EntryCheck(contents.path, entry, collector)
        problems = problems_of_entry(entry)
        for problem in problems:
            check.add_problem(problem)
        files = check.files()
        if any(problem.fatal for problem in problems):
            continue
        layout = f"{entry.formatting} {entry.columns} {entry.tags} {entry.settings.get('ranking')}"
        contents.files[name] = []
        for file in files:
            if (file, layout) not in known:
                first = not any(other == file for other, _ in known)
                known[file, layout] = check.read(file, template, first=first)
            if (read := known[file, layout]) is not None:
                contents.files[name].append(read)
        check.samples(contents.files[name])


class _EntryCheck:
    """Reports problems of one entry, at its line of `dataset_info.json`."""

    def __init__(self, directory: Path, entry: DatasetEntry, collector: Collector) -> None:
        self._entry = entry
        self._directory = directory
        self._collector = collector
        self._info = directory / DATASET_INFO
        text = self._info.read_text(encoding="utf-8", errors="replace")
        found = re.search(re.escape(orjson.dumps(entry.name).decode()) + r"\s*:", text)
        self._line = text.count("\n", 0, found.start()) + 1 if found else None

    def add(self, code: Code, message: str, *, fix: str | None = None) -> None:
        message = f"'{self._entry.name}' {message}"
        self._collector.add(code, message, file=self._info, line=self._line, fix=fix, group=message)

    def add_problem(self, problem: EntryProblem) -> None:
        self.add(codes.CODES[problem.code], problem.message, fix=problem.fix)

    def files(self) -> list[Path]:
        """Return the entry's files whose rows can be checked."""
        entry = self._entry
        if elsewhere := [key for key in LOCATIONS[1:] if key in entry.settings]:
            self.add(codes.ENTRY_UNREAD, f"is not in this directory ({elsewhere[0]})")
            return []
        if entry.file_name is None:
            message = f"has no file_name, nor {', '.join(LOCATIONS[1:])}"
            self.add(codes.ENTRY_FILE_MISSING, message)
            return []
        path = self._directory / entry.file_name
        if not path.exists():
            hint = did_you_mean_path(path)
            self.add(
                codes.ENTRY_FILE_MISSING, f"names {entry.file_name}, which does not exist{hint}"
            )
            return []
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        kinds = {_KINDS.get(file.suffix) for file in files}
        if len(kinds) != 1 or None in kinds:
            message = f"names {entry.file_name}; its files must be of one of {', '.join(_KINDS)}"
            self.add(codes.ENTRY_FILE_MISSING, message)
            return []
        if not kinds <= {*_CHECKED_KINDS}:
            self.add(codes.FILE_UNREAD, f"is a {files[0].suffix} file: its rows were not read")
            return []
        return files

    def read(
        self, file: Path, template: PromptTemplate | None, *, first: bool
    ) -> FileContents | None:
        """Read a file, None if it is unreadable; check its line ends the `first` time."""
        collector = self._collector
        try:
            if first and file.suffix != PARQUET:
                (check_bom if begins_an_array(file) else check_line_ends)(file, collector)
            read = read_rows(file, self._entry, template, collector)
        except DataError as error:
            fix = _fix(file, "write the file again, or remove its entry")
            collector.add(_codes.FILE_UNREADABLE, error.message, file=file, fix=fix)
            return None
        if isinstance(read, EntryProblem):
            self.add_problem(read)
            return None
        return read

    def samples(self, files: Sequence[FileContents]) -> None:
        """Report a `num_samples` that leaves rows out or repeats them."""
        wanted = self._entry.settings.get("num_samples")
        rows = sum(file.read for file in files)
        if files and wanted is not None and wanted != rows:
            effect = "the others are left out" if wanted < rows else "some are used more than once"
            message = f"uses num_samples {wanted:,} of {plural(rows, 'row')}: {effect}"
            self.add(codes.ENTRY_SAMPLED, f"{message}, and the choice ignores the seed")


def _fix(file: Path, fix: str) -> str:
    """Return the fix for a file that cannot be read: its permissions, or `fix` for its content."""
    return fix if os.access(file, os.R_OK) else _codes.FILE_UNREADABLE.fix
