"""Synthetic data compared with its original."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.check_datasets import (
    boolq_rows,
    changed,
    copa_rows,
    found,
    only_finding,
    rephrased,
    write_copa,
    write_rows,
)
from penstock import check
from penstock.errors import ConfigError, DataError
from penstock.findings import Finding, Severity

ORIGINAL = copa_rows(20)
SYNTHETIC = rephrased(ORIGINAL)


@pytest.fixture
def original(tmp_path: Path) -> Path:
    return write_copa(tmp_path / "original" / "Copa", train=ORIGINAL)


def compared(original: Path, rows: list[dict[str, object]]) -> dict[str, list[Finding]]:
    """Write synthetic train rows and return the findings, compared with the original."""
    synthetic = write_copa(original.parents[1] / "synthetic" / "Copa", train=rows)
    return found(check(synthetic, against=original))


def test_rephrased_rows_give_no_finding(original: Path) -> None:
    assert compared(original, SYNTHETIC) == {}


def test_missing_rows_are_an_error_with_their_ids(original: Path) -> None:
    by_code = compared(original, SYNTHETIC[:4] + SYNTHETIC[6:])
    assert by_code.keys() == {"rows-lost"}
    (finding,) = by_code["rows-lost"]
    assert (finding.severity, finding.count) == (Severity.ERROR, 2)
    assert finding.message == "2 original rows missing: idx 4, 5"


def test_rows_that_were_added_are_a_warning(original: Path) -> None:
    by_code = compared(original, SYNTHETIC + copa_rows(7, first=300))
    assert by_code.keys() == {"rows-added"}
    (finding,) = by_code["rows-added"]
    assert (finding.severity, finding.line, finding.count) == (Severity.WARNING, 21, 7)
    assert finding.message.endswith("idx 300, 301, 302, 303, 304, ...")


def test_two_versions_joined_into_one_file_are_duplicated_ids(original: Path) -> None:
    second = rephrased(ORIGINAL[:15], lambda premise: f"They say that {premise}")
    by_code = compared(original, SYNTHETIC + second)
    assert by_code.keys() == {"id-duplicated"}
    assert by_code["id-duplicated"][0].count == 15


@pytest.mark.parametrize("renumber", [lambda idx: idx + 1, lambda idx: 99 if idx == 3 else idx])
def test_ids_that_were_changed_are_an_error(original: Path, renumber: object) -> None:
    assert callable(renumber)
    rows = [row | {"idx": renumber(row["idx"])} for row in SYNTHETIC]
    by_code = compared(original, rows)
    assert by_code.keys() == {"id-changed"}
    (finding,) = by_code["id-changed"]
    changes = [n for n, row in enumerate(rows, 1) if row["idx"] != n - 1]
    assert (finding.severity, finding.line, finding.count) == (
        Severity.ERROR,
        changes[0],
        len(changes),
    )


def test_labels_that_were_changed_are_an_error(original: Path) -> None:
    by_code = compared(original, changed(changed(SYNTHETIC, 6, label=0), 8, label=0))
    assert by_code.keys() == {"label-changed"}
    (finding,) = by_code["label-changed"]
    assert (finding.severity, finding.line, finding.count) == (Severity.ERROR, 6, 2)
    assert finding.message == "label is 0, was 1"


def test_other_fields_that_were_changed_are_a_warning_for_each_field(original: Path) -> None:
    rows = changed(changed(SYNTHETIC, 6, choice1="Rain fell."), 7, choice2="Snow fell.")
    by_code = compared(original, changed(rows, 8, choice2="Hail fell."))
    assert by_code.keys() == {"field-changed"}
    assert [(f.message.split()[0], f.line, f.count) for f in by_code["field-changed"]] == [
        ("choice1", 6, 1),
        ("choice2", 7, 2),
    ]
    assert all(f.severity is Severity.WARNING for f in by_code["field-changed"])


def test_shuffled_rows_are_matched_by_their_ids(original: Path) -> None:
    assert compared(original, SYNTHETIC[::-1]) == {}


def test_identical_rows_are_counted_with_those_at_the_end(original: Path) -> None:
    rows = [*ORIGINAL[:1], *SYNTHETIC[1:15], *ORIGINAL[15:]]
    by_code = compared(original, rows)
    assert by_code.keys() == {"rows-identical"}
    (finding,) = by_code["rows-identical"]
    assert (finding.severity, finding.line, finding.count) == (Severity.INFO, 1, 6)
    assert finding.message == (
        "6 of 20 rows (30.0%) identical to the original; 5 of them are the last 5 rows"
    )


@pytest.mark.parametrize(
    ("premise", "code"),
    [
        ('"The rain was on its way."', "text-quoted"),
        ("\nThe rain was on its way.", "text-newline"),
        ("Certainly, here's the rephrased premise: The rain came.", "text-chatter"),
    ],
)
def test_traces_of_a_model_in_a_text_are_a_warning(original: Path, premise: str, code: str) -> None:
    rows = changed(changed(SYNTHETIC, 5, premise=premise), 9, premise=f"{premise} So.")
    by_code = compared(original, changed(rows, 10, premise=premise.replace("rain", "wind")))
    assert code in by_code
    (finding,) = by_code[code]
    assert finding.severity is Severity.WARNING
    assert (finding.line, finding.count) == (5, 2 if code == "text-quoted" else 3)


def test_traces_that_the_original_has_too_are_no_finding(tmp_path: Path) -> None:
    odd = ['"Rain."', "Rain\ncame.", "Sure! Rain."]
    old = [row | {"premise": text} for row, text in zip(copa_rows(3), odd, strict=True)]
    new = [row | {"premise": row["premise"].replace("Rain", "Drizzle")} for row in old]
    original = write_copa(tmp_path / "original" / "Copa", train=old)
    assert compared(original, new) == {}


def test_a_finding_shows_the_words_of_the_model_only(original: Path) -> None:
    premise = "Here is the rephrased premise: The rain came."
    (finding,) = compared(original, changed(SYNTHETIC, 5, premise=premise))["text-chatter"]
    assert finding.message.endswith("'Here is the rephrased premise'")


def test_duplicated_texts_are_inherited_or_new(tmp_path: Path) -> None:
    old = changed(ORIGINAL, 20, premise=ORIGINAL[18]["premise"])
    original = write_copa(tmp_path / "original" / "Copa", train=old)
    rows = SYNTHETIC[:18] + old[18:]
    rows = changed(rows, 7, premise=f"{rows[3]['premise']}!")
    by_code = compared(original, rows)
    assert by_code.keys() == {"rows-identical", "text-duplicated", "text-duplicated-new"}
    (every,), (new,) = by_code["text-duplicated"], by_code["text-duplicated-new"]
    assert (every.severity, every.line, every.count) == (Severity.INFO, 7, 2)
    assert every.message.endswith("1 inherited, 1 new")
    assert (new.severity, new.line, new.count) == (Severity.WARNING, 7, 1)


def test_new_overlap_with_validation_is_an_error_and_inherited_overlap_is_not(
    tmp_path: Path,
) -> None:
    shared, other = (copa_rows(1, first=first)[0]["premise"] for first in (1000, 1001))
    old = changed(ORIGINAL, 2, premise=shared)
    original = write_copa(tmp_path / "original" / "Copa", train=old)
    rows = changed(changed(SYNTHETIC, 2, premise=shared.upper()), 5, premise=other)
    by_code = compared(original, rows)
    assert by_code.keys() == {"text-overlap", "text-overlap-new"}
    (every,), (new,) = by_code["text-overlap"], by_code["text-overlap-new"]
    assert (every.severity, every.line, every.count) == (Severity.WARNING, 2, 2)
    assert every.message.endswith(": 1 inherited, 1 new")
    assert (new.severity, new.line, new.count) == (Severity.ERROR, 5, 1)


def test_a_version_with_only_a_train_file_is_compared_with_the_originals_validation(
    original: Path, tmp_path: Path
) -> None:
    shared = copa_rows(1, first=1000)[0]["premise"]
    version = tmp_path / "tree" / "Copa" / "version_1"
    write_rows(version / "copa_train.jsonl", changed(SYNTHETIC, 3, premise=shared))
    by_code = found(check(version, against=original.parent))
    assert by_code.keys() == {"file-missing", "text-overlap", "text-overlap-new"}
    assert str(original / "copa_validation.jsonl") in by_code["text-overlap-new"][0].message


def test_validation_text_that_was_changed_is_a_warning(original: Path, tmp_path: Path) -> None:
    synthetic = write_copa(tmp_path / "synthetic" / "Copa", train=SYNTHETIC)
    path = synthetic / "copa_validation.jsonl"
    write_rows(path, rephrased(copa_rows(5, first=1000)))
    finding = only_finding(synthetic, against=original)
    assert (finding.code, finding.severity) == ("evaluation-changed", Severity.WARNING)
    assert (finding.file, finding.line, finding.count) == (str(path), 1, 5)


def write_boolq(directory: Path, rows: list[dict[str, object]]) -> Path:
    write_rows(directory / "boolq_train.jsonl", rows)
    write_rows(directory / "boolq_validation.jsonl", [])
    return directory


def compared_boolq(
    tmp_path: Path, old: list[dict[str, object]], new: list[dict[str, object]]
) -> dict[str, list[Finding]]:
    original = write_boolq(tmp_path / "original" / "BOOLQ", old)
    synthetic = write_boolq(tmp_path / "synthetic" / "BOOLQ", new)
    by_code = found(check(synthetic, against=original))
    del by_code["file-empty"]
    return by_code


def restated(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    return [row | {"passage": f"It is said: {row['passage']}"} for row in rows]


def test_rows_without_ids_are_matched_by_position(tmp_path: Path) -> None:
    old = boolq_rows(10)
    new = changed(changed(restated(old), 3, question="is two odd"), 4, answer=True)
    by_code = compared_boolq(tmp_path, old, new)
    assert by_code.keys() == {"field-changed", "label-changed"}
    assert by_code["field-changed"][0].message == 'question is "is two odd", was "is 2 even"'
    assert by_code["label-changed"][0].line == 4


def test_missing_rows_without_ids_are_found_by_their_other_fields(tmp_path: Path) -> None:
    old = boolq_rows(10)
    by_code = compared_boolq(tmp_path, old, restated(old[:2] + old[3:]))
    assert by_code.keys() == {"rows-lost"}
    assert by_code["rows-lost"][0].message == "1 original row missing: line 3"


def test_rows_that_cannot_be_matched_are_an_error(tmp_path: Path) -> None:
    old = [row | {"question": "is it even"} for row in boolq_rows(10)]
    by_code = compared_boolq(tmp_path, old, restated(old[1:]))
    assert by_code.keys() == {"rows-unaligned"}
    (finding,) = by_code["rows-unaligned"]
    assert finding.severity is Severity.ERROR


def test_a_row_with_an_error_is_not_lost(original: Path) -> None:
    assert compared(original, changed(SYNTHETIC, 3, premise=None)).keys() == {"field-null"}


def test_the_original_is_found_in_a_tree_by_its_task(original: Path, tmp_path: Path) -> None:
    write_rows(original / "version_1" / "copa_train.jsonl", SYNTHETIC)
    write_boolq(original.parent / "BOOLQ", boolq_rows(3))
    synthetic = write_copa(tmp_path / "Copa_rephrased", train=ORIGINAL)
    (finding,) = found(check(synthetic, against=original.parent))["rows-identical"]
    assert finding.count == 20


def test_an_original_of_another_task_is_refused(original: Path, tmp_path: Path) -> None:
    boolq = write_boolq(tmp_path / "BOOLQ", boolq_rows(3))
    with pytest.raises(ConfigError, match=rf"{original}: has no original of {boolq}"):
        check(boolq, against=original)


def test_several_originals_of_a_task_are_refused_with_their_paths(
    original: Path, tmp_path: Path
) -> None:
    write_copa(original.parent / "Copa_2")
    with pytest.raises(ConfigError, match=r"several originals of .*name one: .*Copa, .*Copa_2"):
        check(original, against=original.parent)


def test_an_original_without_a_train_file_is_refused(original: Path, tmp_path: Path) -> None:
    synthetic = write_copa(tmp_path / "Copa")
    (original / "copa_train.jsonl").unlink()
    with pytest.raises(ConfigError, match=r"copa_train.jsonl: the original has no train file"):
        check(synthetic, against=original)


def test_an_original_that_cannot_be_read_is_refused_with_its_line(
    original: Path, tmp_path: Path
) -> None:
    synthetic = write_copa(tmp_path / "Copa")
    with (original / "copa_train.jsonl").open("a") as stream:
        stream.write("{,}\n")
    with pytest.raises(DataError, match=r"copa_train.jsonl:21: column 2"):
        check(synthetic, against=original)


def test_an_original_that_is_not_there_is_refused(original: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such path; did you mean 'Copa'"):
        check(original, against=original.with_name("Coap"))
