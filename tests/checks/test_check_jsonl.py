"""Rows of text that a recipe wrote: the files of the manifest, and lines that are not rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.check_datasets import found, write_rows
from helpers.token_datasets import errors, write_manifest
from penstock import check
from penstock.checks import show


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    directory = tmp_path / "rows"
    for split, count in (("train", 5), ("validation", 2)):
        write_rows(directory / f"{split}.jsonl", [{"text": f"row {n}"} for n in range(count)])
    write_manifest(directory, format="jsonl")
    return directory


def test_unchanged_rows_have_no_finding(rows: Path) -> None:
    (dataset,) = check(rows.parent).datasets
    assert (dataset.path, dataset.format, dataset.rows) == (str(rows), "jsonl", 7)
    assert dataset.findings == []


def test_lines_that_are_not_rows_and_the_changed_file_are_errors(rows: Path) -> None:
    with (rows / "validation.jsonl").open("a") as stream:
        stream.write("[1]\n{")
    report = check(rows)
    assert errors(report) == {"manifest-mismatch", "not-an-object", "json-invalid"}
    assert found(report)["not-an-object"][0].line == 3


def test_a_missing_file_is_an_error(rows: Path) -> None:
    (rows / "train.jsonl").unlink()
    (finding,) = found(check(rows))["manifest-mismatch"]
    assert (finding.file, "is missing" in finding.message) == (str(rows / "train.jsonl"), True)


def test_a_row_is_shown_with_its_fields(tmp_path: Path) -> None:
    directory = tmp_path / "rows"
    rows = [{"text": "A", "year": 1}, {"text": "B"}]
    write_rows(directory / "train.jsonl", rows)
    manifest = write_manifest(directory, format="jsonl")
    entries = [entry.model_copy(update={"rows": 2}) for entry in manifest.files]
    manifest.model_copy(update={"files": entries}).write(directory)
    assert [row.columns for row in show(directory).rows] == [
        {"text": "A", "year": 1},
        {"text": "B"},
    ]
