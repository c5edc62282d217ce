"""The check of rows of text in JSON Lines, as recipes without `tokenize` write them."""

from __future__ import annotations

from pathlib import Path

from penstock.checks import _codes as codes
from penstock.checks._base import CheckOptions, FormatCheck
from penstock.checks._files import check_line_ends, check_manifest
from penstock.findings import Collector
from penstock.formats.jsonl import FORMAT
from penstock.jsonl import BadLine, scan


class JsonlCheck(FormatCheck):
    """Checks that the files match the manifest and that every line is a row."""

    def check(self, dataset: Path, collector: Collector, options: CheckOptions) -> int:
        """Check the files and lines of a dataset."""
        manifest = check_manifest(dataset, collector, full=options.full)
        rows = 0
        for entry in manifest.files if manifest else []:
            file = dataset / entry.path
            if file.suffix == ".jsonl" and file.is_file():
                check_line_ends(file, collector)
                rows += _check_rows(file, collector)
        return rows


def _check_rows(file: Path, collector: Collector) -> int:
    number = 0
    for number, row in scan(file):
        if isinstance(row, BadLine):
            collector.add(codes.CODES[row.code], row.message, file=file, line=number)
    return number


CHECK = JsonlCheck(FORMAT)
