"""Files that are missing, misnamed, broken, or different from their manifest."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from helpers.check_datasets import (
    check_without_rights,
    copa_rows,
    found,
    only_finding,
    write_copa,
    write_rows,
)
from penstock import check
from penstock.findings import Severity
from penstock.manifest import describe


def test_a_complete_dataset_has_no_findings(tmp_path: Path) -> None:
    write_copa(tmp_path / "Copa", test=copa_rows(4, first=2000))
    (dataset,) = check(tmp_path).datasets
    assert dataset.findings == []
    assert (dataset.path, dataset.format, dataset.rows) == (
        str(tmp_path / "Copa"),
        "task_jsonl",
        29,
    )


@pytest.mark.parametrize("split", ["train", "validation"])
def test_a_missing_file_is_an_error(tmp_path: Path, split: str) -> None:
    copa = write_copa(tmp_path / "Copa")
    (copa / f"copa_{split}.jsonl").unlink()
    finding = only_finding(copa)
    assert (finding.code, finding.severity) == ("file-missing", Severity.ERROR)
    assert finding.file == str(copa / f"copa_{split}.jsonl")


def test_an_empty_directory_with_the_name_of_a_task_misses_its_files(tmp_path: Path) -> None:
    (tmp_path / "Copa").mkdir()
    assert [f.file for f in found(check(tmp_path))["file-missing"]] == [
        str(tmp_path / "Copa" / "copa_train.jsonl"),
        str(tmp_path / "Copa" / "copa_validation.jsonl"),
    ]


def test_the_fix_for_a_version_without_validation_is_to_migrate(tmp_path: Path) -> None:
    write_copa(tmp_path / "Copa")
    version = tmp_path / "Copa" / "mezo_gpt" / "version_1"
    write_rows(version / "copa_train.jsonl", copa_rows(20))
    (finding,) = found(check(tmp_path))["file-missing"]
    assert finding.file == str(version / "copa_validation.jsonl")
    assert f"penstock migrate {tmp_path} DST" in finding.fix
    assert "--pick Copa=mezo_gpt/version_1 or --all-versions Copa=mezo_gpt" in finding.fix


def test_the_fix_is_to_migrate_from_within_the_tree_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_rows(tmp_path / "CB" / "lora" / "cb_train.jsonl", [])
    monkeypatch.chdir(tmp_path / "CB" / "lora")
    (finding,) = found(check("."))["file-missing"]
    assert finding.file == "cb_validation.jsonl"
    assert finding.fix.endswith(f"penstock migrate {tmp_path} DST --pick CB=lora")


def test_a_file_name_in_the_wrong_case_is_an_error_and_its_rows_are_checked(tmp_path: Path) -> None:
    copa = write_copa(tmp_path / "Copa")
    (copa / "copa_train.jsonl").rename(copa / "Copa_Train.jsonl")
    finding = only_finding(copa)
    assert (finding.code, finding.severity) == ("file-case", Severity.ERROR)
    assert finding.file == str(copa / "Copa_Train.jsonl")
    assert "must be copa_train.jsonl" in finding.message
    assert finding.fix == f"rename it: mv {copa}/Copa_Train.jsonl {copa}/copa_train.jsonl"
    assert check(copa).datasets[0].rows == 25


def test_a_directory_name_in_the_wrong_case_is_an_error(tmp_path: Path) -> None:
    finding = only_finding(write_copa(tmp_path / "copa"))
    assert (finding.code, finding.severity) == ("directory-case", Severity.ERROR)
    assert finding.message == "the directory is named copa, must be Copa"


def test_two_names_that_differ_only_in_case_are_an_error(tmp_path: Path) -> None:
    copa = write_copa(tmp_path / "Copa")
    write_rows(copa / "COPA_train.jsonl", copa_rows(3))
    finding = only_finding(copa)
    assert (finding.code, finding.severity) == ("case-collision", Severity.ERROR)
    assert finding.file == str(copa / "COPA_train.jsonl")
    assert "copa_train.jsonl" in finding.message


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("copa_val.jsonl", "copa_validation.jsonl"),
        ("copa_dev.jsonl", "copa_validation.jsonl"),
        ("validation.jsonl", "copa_validation.jsonl"),
        ("copa-train.jsonl", "copa_train.jsonl"),
        ("train.jsonl", "copa_train.jsonl"),
        ("copa_train.json", "copa_train.jsonl"),
        ("copa_training.ndjson", "copa_train.jsonl"),
        ("copa_trian.jsonl", "copa_train.jsonl"),
    ],
)
def test_a_misnamed_file_is_an_error_with_the_right_name(
    tmp_path: Path, wrong: str, right: str
) -> None:
    copa = write_copa(tmp_path / "Copa")
    (copa / right).rename(copa / wrong)
    finding = only_finding(copa)
    assert (finding.code, finding.severity) == ("file-misnamed", Severity.ERROR)
    assert finding.file == str(copa / wrong)
    assert finding.fix == f"rename it: mv {copa / wrong} {copa / right}"


@pytest.mark.parametrize(
    "other", ["train_arguments.json", "rte_train.jsonl", "copa_train_scores.json", "train.txt"]
)
def test_a_file_of_another_kind_is_not_taken_for_a_missing_one(tmp_path: Path, other: str) -> None:
    copa = write_copa(tmp_path / "Copa")
    (copa / "copa_train.jsonl").rename(copa / other)
    assert "file-missing" in found(check(copa))
    assert "file-misnamed" not in found(check(copa))


@pytest.mark.parametrize("stray", ["copa_train_old.jsonl", "mezo_gpt/version_3/rows.jsonl"])
def test_rows_that_no_loader_reads_are_a_warning(tmp_path: Path, stray: str) -> None:
    copa = write_copa(tmp_path / "Copa")
    write_rows(copa / stray, copa_rows(3))
    finding = only_finding(copa)
    assert (finding.code, finding.severity) == ("file-unused", Severity.WARNING)
    assert finding.file == str(copa / stray)


def test_a_broken_link_is_an_error_that_names_its_target(tmp_path: Path) -> None:
    copa = write_copa(tmp_path / "Copa")
    (copa / "copa_train.jsonl").unlink()
    (copa / "copa_train.jsonl").symlink_to("../../old/copa_train.jsonl")
    finding = only_finding(copa)
    assert (finding.code, finding.severity) == ("link-broken", Severity.ERROR)
    assert finding.message == "is a link to ../../old/copa_train.jsonl, which does not exist"


def test_a_broken_link_to_a_dataset_is_an_error_beside_other_datasets(
    tmp_path: Path,
) -> None:
    write_copa(tmp_path / "Copa")
    (tmp_path / "RTE").symlink_to("../old/RTE")
    (tmp_path / "Copa" / "version_1").symlink_to("../old/version_1")
    assert [(f.file, f.severity) for f in found(check(tmp_path))["link-broken"]] == [
        (str(tmp_path / "Copa" / "version_1"), Severity.ERROR),
        (str(tmp_path / "RTE"), Severity.ERROR),
    ]


def test_a_directory_instead_of_a_file_is_an_error(tmp_path: Path) -> None:
    copa = write_copa(tmp_path / "Copa")
    (copa / "copa_test.jsonl").mkdir()
    finding = only_finding(copa)
    assert (finding.code, finding.severity) == ("not-a-file", Severity.ERROR)
    assert finding.file == str(copa / "copa_test.jsonl")


def test_a_file_that_may_not_be_read_is_an_error() -> None:
    with TemporaryDirectory() as home:
        Path(home).chmod(0o755)
        copa = write_copa(Path(home) / "Copa")
        (copa / "copa_train.jsonl").chmod(0)
        printed = check_without_rights(copa).stdout
    assert printed.splitlines() == [
        f"file-unreadable|error|{copa}/copa_train.jsonl|cannot be read: Permission denied"
        "|allow reading: chmod u+r FILE"
    ]


def test_a_directory_that_may_not_be_read_stops_the_check() -> None:
    with TemporaryDirectory() as home:
        Path(home).chmod(0o755)
        write_copa(Path(home) / "Copa")
        (Path(home) / "closed").mkdir(mode=0)
        stopped = check_without_rights(Path(home))
    assert f"DataError: {home}/closed: cannot be read: Permission denied" in stopped.stderr


def test_a_file_without_rows_is_an_error(tmp_path: Path) -> None:
    copa = write_copa(tmp_path / "Copa", train=[])
    finding = only_finding(copa)
    assert (finding.code, finding.severity) == ("file-empty", Severity.ERROR)
    assert finding.file == str(copa / "copa_train.jsonl")


def test_a_manifest_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    copa = write_copa(tmp_path / "Copa")
    (copa / "penstock.json").write_text('{"format": "task_jsonl",\n')
    finding = only_finding(copa)
    assert (finding.code, finding.severity) == ("manifest-unreadable", Severity.ERROR)
    assert finding.file == str(copa / "penstock.json")
    assert finding.line is not None
    assert finding.message.startswith("not JSON")


def test_files_that_differ_from_their_manifest_are_errors(tmp_path: Path) -> None:
    copa = write_copa(tmp_path / "Copa")
    names = ["copa_train.jsonl", "copa_validation.jsonl"]
    describe(copa, names, format="task_jsonl", task="copa").write(copa)
    assert check(copa).datasets[0].findings == []
    write_rows(copa / "copa_train.jsonl", copa_rows(21))
    finding = only_finding(copa)
    assert (finding.code, finding.severity) == ("manifest-mismatch", Severity.ERROR)
    assert finding.file == str(copa / "copa_train.jsonl")
    assert "bytes" in finding.message


def test_arc_cloze_and_arc_multiple_choice_differ_by_directory_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ArcC_MC").mkdir()
    (tmp_path / "ArcC_MC" / "ARC-Challenge_train.jsonl").write_text("{}\n")
    monkeypatch.chdir(tmp_path / "ArcC_MC")
    (finding, *_) = found(check("."))["field-missing"]
    assert finding.file == "ARC-Challenge_train.jsonl"
    monkeypatch.chdir(tmp_path)
    shutil.copytree("ArcC_MC", "arcc_mc")
    assert "must be ArcC_MC" in found(check("arcc_mc"))["directory-case"][0].message
