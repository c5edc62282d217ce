"""Rows that stand twice, and train rows that stand in validation or test."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.check_datasets import changed, copa_rows, found, only_finding, write_copa
from penstock.checks import check
from penstock.findings import Severity


def test_a_row_that_stands_twice_is_a_warning_whatever_its_id_and_case(tmp_path: Path) -> None:
    rows = copa_rows(20)
    twin = rows[4] | {"idx": 77, "premise": rows[4]["premise"].upper().replace(" ", "  ")}
    copa = write_copa(tmp_path / "Copa", train=[*rows, twin])
    finding = only_finding(copa)
    assert (finding.code, finding.severity) == ("row-duplicated", Severity.WARNING)
    assert (finding.file, finding.line) == (str(copa / "copa_train.jsonl"), 21)
    assert finding.message.startswith("the same as line 5")


def test_rows_that_share_only_their_premise_are_no_duplicates(tmp_path: Path) -> None:
    rows = copa_rows(20)
    write_copa(tmp_path / "Copa", train=changed(rows, 5, premise=rows[0]["premise"]))
    assert check(tmp_path).datasets[0].findings == []


@pytest.mark.parametrize("split", ["validation", "test"])
def test_train_text_that_stands_in_an_evaluation_file_is_a_warning(
    tmp_path: Path, split: str
) -> None:
    first = 1000 if split == "validation" else 2000
    shared = copa_rows(1, first=first)[0]["premise"]
    rows = changed(copa_rows(20), 8, premise=shared)
    rows = changed(rows, 12, premise=f"“{shared.upper()}”")
    copa = write_copa(tmp_path / "Copa", train=rows, test=copa_rows(3, first=2000))
    finding = only_finding(copa)
    assert (finding.code, finding.severity) == ("text-overlap", Severity.WARNING)
    assert (finding.file, finding.line, finding.count) == (str(copa / "copa_train.jsonl"), 8, 2)
    assert f"copa_{split}.jsonl" in finding.message


def test_a_whole_row_that_stands_in_validation_is_an_error(tmp_path: Path) -> None:
    leaked = copa_rows(1, first=1002)[0] | {"idx": 55}
    copa = write_copa(tmp_path / "Copa", train=[*copa_rows(20), leaked])
    by_code = found(check(copa))
    assert by_code.keys() == {"row-leaked", "text-overlap"}
    (finding,) = by_code["row-leaked"]
    assert (finding.severity, finding.line, finding.count) == (Severity.ERROR, 21, 1)


def test_overlap_with_validation_and_with_test_are_two_findings(tmp_path: Path) -> None:
    rows = changed(copa_rows(20), 1, premise=copa_rows(1, first=1000)[0]["premise"])
    rows = changed(rows, 2, premise=copa_rows(1, first=2000)[0]["premise"])
    copa = write_copa(tmp_path / "Copa", train=rows, test=copa_rows(3, first=2000))
    assert [finding.line for finding in found(check(copa))["text-overlap"]] == [1, 2]


def test_rows_with_an_error_are_not_compared(tmp_path: Path) -> None:
    rows = changed(copa_rows(20), 3, premise=None)
    copa = write_copa(tmp_path / "Copa", train=changed(rows, 4, premise=None))
    assert found(check(copa)).keys() == {"field-null"}
