"""Small task datasets to break, and the findings about them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from penstock import check
from penstock.findings import CheckReport, Finding

Row = dict[str, Any]

WEATHER = ("rain", "snow", "hail", "fog", "sleet", "thunder", "frost", "drizzle", "heat", "wind")


def copa_rows(count: int, *, first: int = 0) -> list[Row]:
    """Return COPA rows with unique premises; `first` is the first idx."""
    return [
        {
            "premise": f"The {WEATHER[idx % 10]} came on day {idx}.",
            "choice1": f"The path number {idx} grew wet.",
            "choice2": f"The clock number {idx} stopped.",
            "question": "effect" if idx % 2 else "cause",
            "idx": idx,
            "label": idx % 2,
        }
        for idx in range(first, first + count)
    ]


def boolq_rows(count: int) -> list[Row]:
    """Return BoolQ rows, which have no ids."""
    return [
        {"question": f"is {n} even", "answer": n % 2 == 0, "passage": f"Of {n} it is known."}
        for n in range(count)
    ]


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Write rows as JSON Lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def write_copa(
    directory: Path, *, train: Iterable[Row] | None = None, test: Iterable[Row] | None = None
) -> Path:
    """Write a COPA dataset with `train` (default: 20 rows) and 5 validation rows."""
    write_rows(directory / "copa_train.jsonl", copa_rows(20) if train is None else train)
    write_rows(directory / "copa_validation.jsonl", copa_rows(5, first=1000))
    if test is not None:
        write_rows(directory / "copa_test.jsonl", test)
    return directory


def changed(rows: list[Row], line: int, **values: Any) -> list[Row]:
    """Return the rows with changed values in one line (from 1)."""
    return [row | values if number == line else row for number, row in enumerate(rows, 1)]


def rephrased(rows: list[Row], rephrase: Callable[[str], str] | None = None) -> list[Row]:
    """Return COPA rows with rephrased premises."""
    rephrase = rephrase or (lambda premise: f"Seen by all: {premise.lower()}")
    return [row | {"premise": rephrase(row["premise"])} for row in rows]


def found(report: CheckReport) -> dict[str, list[Finding]]:
    """Return the findings of a report by code."""
    by_code: dict[str, list[Finding]] = {}
    for dataset in report.datasets:
        for finding in dataset.findings:
            by_code.setdefault(finding.code, []).append(finding)
    return by_code


def only_finding(directory: Path, against: Path | None = None) -> Finding:
    """Check one dataset and return its only finding."""
    (dataset,) = check(directory, against=against).datasets
    assert len(dataset.findings) == 1, [f"{f.code}: {f.message}" for f in dataset.findings]
    return dataset.findings[0]


# Root can read every file, so the check runs as a user without rights. That user may not be able to
# read the packages either, so the check runs once before, to import them.
_WITHOUT_RIGHTS = """
import os, sys
from penstock import check
check(sys.argv[1])
if os.getuid() == 0:
    os.setuid(65534)
for finding in check(sys.argv[1]).datasets[0].findings:
    print(finding.code, finding.severity, finding.file, finding.message, finding.fix, sep="|")
"""


def check_without_rights(path: Path) -> subprocess.CompletedProcess[str]:
    """Check a dataset as a user without rights; print one finding per line."""
    command = [sys.executable, "-c", _WITHOUT_RIGHTS, str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)
