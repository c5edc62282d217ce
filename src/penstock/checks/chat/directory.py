"""A directory that LLaMA-Factory reads: its entries, their rows, and its splits."""

from __future__ import annotations

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
from penstock.checks.task_jsonl.lines import check_lines
from penstock.errors import DataError
from penstock.files import plural
from penstock.formats.chat import (
    DATASET_INFO,
    ChatDataset,
    DatasetEntry,
    begins_an_array,
    read_dataset_info,
)


@dataclass
class ChatFiles:
    """What was read of a directory.

    `rows` has the files of each entry, by its name; `splits` the names of the entries of train,
    validation and test; `distinct` the files of which none holds only what the others hold.
    """

    path: Path
    entries: Mapping[str, DatasetEntry] = field(default_factory=dict)
    rows: dict[str, list[FileRows]] = field(default_factory=dict)
    splits: Mapping[str, Sequence[str]] = field(default_factory=dict)
    distinct: Sequence[FileRows] = ()

    def of(self, names: Sequence[str]) -> list[FileRows]:
        """Return the files of some entries, each once."""
        files = {rows.file: rows for name in names for rows in self.rows.get(name, [])}
        return list(files.values())

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
            fix="correct the file; it has an object for each dataset, by name",
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
    check_splits({split: files for split, files in splits.items() if files}, collector)
    of_splits = [rows for files in splits.values() for rows in files]
    others = (rows for rows in found.of(list(found.rows)) if rows not in of_splits)
    found.distinct = distinct_files(others, distinct_files(of_splits))
    for rows in found.distinct:
        check_repeats(rows, collector)
    return found


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
                if not begins_an_array(file) and not any(other == file for other, _ in known):
                    check_lines(file, collector)
                known[file, layout] = read_rows(file, check, template, collector)
            if (rows := known[file, layout]) is not None:
                found.rows[name].append(rows)
        _check_samples(check, found.rows[name])
    _report_trained([rows for rows in known.values() if rows is not None], found, collector)


def _check_samples(check: EntryCheck, files: Sequence[FileRows]) -> None:
    wanted = check.entry.settings.get("num_samples")
    rows = sum(rows.read for rows in files)
    if files and wanted is not None and wanted != rows:
        message = f"takes num_samples {wanted:,} of {plural(rows, 'row')}: "
        message += "the others are left out" if wanted < rows else "some stand more than once"
        check.add(codes.ENTRY_SAMPLED, f"{message}, and which depends on no seed")


def _report_trained(files: Sequence[FileRows], found: ChatFiles, collector: Collector) -> None:
    """Say of how many rows LLaMA-Factory makes examples."""
    whole = [rows for rows in files if rows.trained == rows.read]
    for rows in files:
        if rows.trained < rows.read:
            message = f"{rows.trained:,} of {plural(rows.read, 'row')} would be trained on"
            collector.add(codes.ROWS_TRAINED, message, file=rows.file)
    if whole:
        count = sum(rows.read for rows in whole)
        message = f"{plural(count, 'row')} of {plural(len(whole), 'file')}: LLaMA-Factory takes all"
        collector.add(codes.ROWS_TRAINED, message, file=found.path / DATASET_INFO)
