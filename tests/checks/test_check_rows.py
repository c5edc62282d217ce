"""Rows that do not fit their task, duplicated rows, and train rows in evaluation files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from helpers.check_datasets import (
    Row,
    changed,
    copa_rows,
    found,
    only_finding,
    write_copa,
    write_rows,
)
from penstock.checks import check
from penstock.findings import Severity


def only_train_finding(tmp_path: Path, train: list[Row]) -> Any:
    copa = write_copa(tmp_path / "Copa", train=train)
    finding = only_finding(copa)
    assert finding.severity is Severity.ERROR
    assert finding.file == str(copa / "copa_train.jsonl")
    return finding


@pytest.mark.parametrize(
    ("field", "value", "code", "message"),
    [
        ("premise", None, "field-null", "premise is null, must be text"),
        ("premise", "  ", "field-empty", "premise is empty"),
        ("choice1", 7, "field-type", "choice1 is an integer, must be text"),
        ("idx", "7", "field-type", "idx is text, must be an integer"),
        ("idx", True, "field-type", "idx is true or false, must be an integer"),
        ("question", "why", "field-value", "must be one of cause, effect"),
        ("label", 2, "label-range", "label is 2, must be 0 (choice1), 1 (choice2)"),
        ("label", "0", "field-type", "label is text"),
        ("label", -1, "label-missing", "label has no answer"),
        ("score", 0.5, "field-extra", "score is not a field of copa"),
    ],
)
def test_a_wrong_value_is_an_error_with_its_line(
    tmp_path: Path, field: str, value: Any, code: str, message: str
) -> None:
    rows = changed(changed(copa_rows(20), 4, **{field: value}), 9, **{field: value})
    if field == "idx":
        rows[8]["idx"] = [value]
    finding = only_train_finding(tmp_path, rows)
    assert finding.code == code
    assert message in finding.message
    assert (finding.line, finding.count) == (4, 2)


def test_a_missing_field_is_an_error(tmp_path: Path) -> None:
    rows = copa_rows(20)
    del rows[6]["choice2"]
    finding = only_train_finding(tmp_path, rows)
    assert (finding.code, finding.line, finding.count) == ("field-missing", 7, 1)
    assert finding.message == "choice2 is missing"


def test_problems_of_different_fields_are_different_findings(tmp_path: Path) -> None:
    rows = changed(copa_rows(20), 3, premise=None, choice1=None)
    copa = write_copa(tmp_path / "Copa", train=rows)
    findings = check(copa).datasets[0].findings
    assert [(f.code, f.message.split()[0]) for f in findings] == [
        ("field-null", "choice1"),
        ("field-null", "premise"),
    ]


def test_a_duplicated_id_is_an_error_that_names_the_first_line(tmp_path: Path) -> None:
    rows = copa_rows(20)
    rows[10]["idx"] = rows[12]["idx"] = 2
    finding = only_train_finding(tmp_path, rows)
    assert (finding.code, finding.line, finding.count) == ("id-duplicated", 11, 2)
    assert finding.message == "idx 2 is already in line 3"


def test_the_same_id_in_train_and_validation_is_no_finding(tmp_path: Path) -> None:
    copa = write_copa(tmp_path / "Copa", train=copa_rows(20, first=990))
    assert "id-duplicated" not in {f.code for f in check(copa).datasets[0].findings}


def test_ids_that_are_objects_are_compared_by_their_values(tmp_path: Path) -> None:
    def row(paragraph: int, answer: int) -> Row:
        return {
            "paragraph": f"Water runs down {paragraph}.",
            "question": "Where does it run?",
            "answer": f"Down {answer}.",
            "idx": {"paragraph": paragraph, "question": 0, "answer": answer},
            "label": 0,
        }

    rows = [row(0, 0), row(0, 1), row(1, 0), row(1, 1)]
    multirc = tmp_path / "MultiRC"
    write_rows(multirc / "multirc_validation.jsonl", [row(7, 0)])
    write_rows(multirc / "multirc_train.jsonl", rows)
    assert check(multirc).datasets[0].findings == []
    rows[3]["idx"] = dict(reversed(rows[1]["idx"].items()))
    write_rows(multirc / "multirc_train.jsonl", rows)
    finding = only_finding(multirc)
    assert (finding.code, finding.line) == ("id-duplicated", 4)


def test_rows_of_a_test_file_may_have_no_label(tmp_path: Path) -> None:
    rows = [row | {"label": -1} for row in copa_rows(4, first=2000)]
    copa = write_copa(tmp_path / "Copa", test=rows)
    assert check(copa).datasets[0].findings == []


def test_rows_of_a_validation_file_must_have_a_label(tmp_path: Path) -> None:
    copa = write_copa(tmp_path / "Copa")
    path = copa / "copa_validation.jsonl"
    write_rows(path, changed(copa_rows(5, first=1000), 2, label=-1))
    finding = only_finding(copa)
    assert (finding.code, finding.file, finding.line) == ("label-missing", str(path), 2)


def test_arc_rows_with_labels_1_to_4_and_three_or_five_choices_are_right(tmp_path: Path) -> None:
    def row(number: int, labels: str) -> Row:
        texts = [f"answer {label}" for label in labels]
        return {
            "id": f"Question_{number}",
            "question": f"What is {number}?",
            "choices": {"text": texts, "label": list(labels)},
            "answerKey": labels[-1],
        }

    arc = tmp_path / "ArcC_MC"
    rows = [row(number, labels) for number, labels in enumerate(["ABCD", "1234", "ABC", "ABCDE"])]
    write_rows(arc / "ARC-Challenge_train.jsonl", rows)
    write_rows(arc / "ARC-Challenge_validation.jsonl", [row(9, "ABCD")])
    assert check(arc).datasets[0].findings == []
    rows[1]["answerKey"] = "A"
    write_rows(arc / "ARC-Challenge_train.jsonl", rows)
    finding = only_finding(arc)
    assert (finding.code, finding.line) == ("label-range", 2)


def test_a_duplicated_row_is_a_warning_whatever_its_id_and_case(tmp_path: Path) -> None:
    rows = copa_rows(20)
    copy = rows[4] | {"idx": 77, "premise": rows[4]["premise"].upper().replace(" ", "  ")}
    copa = write_copa(tmp_path / "Copa", train=[*rows, copy])
    finding = only_finding(copa)
    assert (finding.code, finding.severity) == ("row-duplicated", Severity.WARNING)
    assert (finding.file, finding.line) == (str(copa / "copa_train.jsonl"), 21)
    assert finding.message.startswith("same as line 5")


def test_rows_that_share_only_their_premise_are_no_duplicates(tmp_path: Path) -> None:
    rows = copa_rows(20)
    write_copa(tmp_path / "Copa", train=changed(rows, 5, premise=rows[0]["premise"]))
    assert check(tmp_path).datasets[0].findings == []


@pytest.mark.parametrize("split", ["validation", "test"])
def test_train_text_in_an_evaluation_file_is_a_warning(tmp_path: Path, split: str) -> None:
    first = 1000 if split == "validation" else 2000
    shared = copa_rows(1, first=first)[0]["premise"]
    rows = changed(copa_rows(20), 8, premise=shared)
    rows = changed(rows, 12, premise=f"“{shared.upper()}”")
    copa = write_copa(tmp_path / "Copa", train=rows, test=copa_rows(3, first=2000))
    finding = only_finding(copa)
    assert (finding.code, finding.severity) == ("text-overlap", Severity.WARNING)
    assert (finding.file, finding.line, finding.count) == (str(copa / "copa_train.jsonl"), 8, 2)
    assert f"copa_{split}.jsonl" in finding.message


def test_a_train_row_in_validation_is_an_error(tmp_path: Path) -> None:
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
