"""`dataset_info.json`: entries that LLaMA-Factory (0.9.5) would stop at, or read otherwise."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson

from penstock.checks import _codes as codes
from penstock.checks._collect import Code, Collector
from penstock.errors import did_you_mean_beside
from penstock.formats.chat import (
    DATASET_INFO,
    LOCATIONS,
    PARQUET,
    DatasetEntry,
    EntryProblem,
    problem_with_rows,
    problems_of_entry,
)

#: How the names of files end that are loaded, and the kind of each; files of an entry have one.
_SUFFIXES = {
    ".jsonl": "json",
    ".json": "json",
    ".arrow": "arrow",
    ".csv": "csv",
    PARQUET: "parquet",
    ".txt": "text",
}
_READ = ({"json"}, {"parquet"})


class EntryCheck:
    """Adds what is wrong with one entry, at its line of `dataset_info.json`."""

    def __init__(self, directory: Path, entry: DatasetEntry, collector: Collector) -> None:
        self.entry = entry
        self.file = directory / DATASET_INFO
        self._directory = directory
        self._collector = collector
        self._line = _line_of(self.file, entry.name)

    def add(self, code: Code, message: str, *, fix: str | None = None) -> None:
        """Note something about the entry."""
        words = f"'{self.entry.name}' {message}"
        self._collector.add(code, words, file=self.file, line=self._line, fix=fix, group=words)

    def settings(self) -> bool:
        """Find settings that are unknown, none, or given in part; say whether rows can be read."""
        problems = problems_of_entry(self.entry)
        for problem in problems:
            self._add(problem)
        return not any(problem.fatal for problem in problems)

    def files(self) -> list[Path]:
        """Return the files of rows to read; find those that are not there or not of a kind."""
        if elsewhere := [key for key in LOCATIONS[1:] if key in self.entry.settings]:
            self.add(codes.ENTRY_UNREAD, f"lies elsewhere ({elsewhere[0]})")
            return []
        if (name := self.entry.file_name) is None:
            self.add(codes.ENTRY_FILE_MISSING, f"has no file_name, nor {', '.join(LOCATIONS[1:])}")
            return []
        path = self._directory / name
        if not path.exists():
            hint = did_you_mean_beside(path)
            self.add(codes.ENTRY_FILE_MISSING, f"names {name}, which is not there{hint}")
            return []
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        suffixes = {_SUFFIXES.get(file.suffix) for file in files}
        if len(suffixes) != 1 or None in suffixes:
            known = ", ".join(_SUFFIXES)
            self.add(codes.ENTRY_FILE_MISSING, f"names {name}, and files of one of {known} load")
            return []
        if suffixes not in _READ:
            self.add(codes.FILE_UNREAD, f"is a {files[0].suffix} file: its rows were not read")
            return []
        return files

    def fits(self, rows: Iterable[Mapping[str, Any]]) -> bool:
        """Say whether some rows have the columns and tags that the entry names; find what not.

        `rows` are the first of its files.
        """
        problem = problem_with_rows(self.entry, list(rows))
        if problem is not None:
            self._add(problem)
        return problem is None

    def _add(self, problem: EntryProblem) -> None:
        self.add(codes.CODES[problem.code], problem.message, fix=problem.fix)


def _line_of(file: Path, name: str) -> int | None:
    """Return the line at which the entry of a name begins."""
    text = file.read_text(encoding="utf-8", errors="replace")
    found = re.search(re.escape(orjson.dumps(name).decode()) + r"\s*:", text)
    return text.count("\n", 0, found.start()) + 1 if found else None
