"""Checks of rows of text in JSON Lines, as a recipe without `tokenize` makes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from penstock.checks import _codes as codes
from penstock.checks._base import Checker, CheckOptions, refuse_original
from penstock.checks._collect import Collector
from penstock.checks._tokens.manifest import check_manifest
from penstock.checks.task_jsonl.lines import check_lines
from penstock.findings import DatasetFindings
from penstock.formats.jsonl import FORMAT
from penstock.jsonl import BadLine, scan


@dataclass(frozen=True)
class JsonlDirectory:
    """A directory whose manifest says `jsonl`."""

    path: Path


class JsonlChecker(Checker[JsonlDirectory]):
    """Checks that the files are those of the manifest, and that each line is a row."""

    format = FORMAT.name
    looks_like = FORMAT.looks_like

    def find(self, path: Path) -> Sequence[JsonlDirectory]:
        """Return every dataset at or below a directory."""
        return [JsonlDirectory(found) for found in FORMAT.find(path)]

    def check(self, dataset: JsonlDirectory, options: CheckOptions) -> DatasetFindings:
        """Return what is wrong with the files and the lines of a dataset."""
        refuse_original(dataset, self.format, options)
        collector = Collector()
        manifest = check_manifest(dataset.path, collector, full=options.full)
        listed = [entry.path for entry in manifest.files] if manifest else []
        names = [name for name in listed if name.endswith(".jsonl")]  # others describe the whole
        files = [dataset.path / name for name in names if (dataset.path / name).is_file()]
        rows = sum(_check_file(file, collector) for file in files)
        return DatasetFindings(str(dataset.path), self.format, rows, collector.findings())


def _check_file(file: Path, collector: Collector) -> int:
    """Find lines that are no rows; return how many lines there are."""
    check_lines(file, collector)
    number = 0
    for number, row in scan(file):
        if isinstance(row, BadLine):
            collector.add(codes.CODES[row.code], row.message, file=file, line=number)
    return number


CHECKER = JsonlChecker()
