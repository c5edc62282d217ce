"""Findings about real data: six published datasets, and old synthetic versions of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.check_datasets import found
from penstock import check
from penstock.findings import CheckReport, DatasetFindings, Finding

OVERLAPS = {"Copa": 0, "CB": 0, "RTE": 11, "BOOLQ": 158, "ArcC_Cloze": 1, "ArcC_MC": 1}


@pytest.fixture(scope="module")
def originals(shared_data: Path) -> CheckReport:
    return check(shared_data / "tasks" / "original")


@pytest.fixture(scope="module")
def backup(shared_data: Path) -> dict[str, DatasetFindings]:
    """Return the findings about each dataset of the old tree, compared with the originals."""
    tasks = shared_data / "tasks"
    tree = tasks / "backup" / "rejection_sampling" / "0_data"
    report = check(tree, against=tasks / "original")
    return {Path(d.path).relative_to(tree).as_posix(): d for d in report.datasets}


def only(dataset: DatasetFindings, code: str) -> Finding:
    (finding,) = (finding for finding in dataset.findings if finding.code == code)
    return finding


def test_the_six_originals_have_no_error(originals: CheckReport) -> None:
    assert {Path(dataset.path).name for dataset in originals.datasets} == OVERLAPS.keys()
    assert originals.ok
    assert found(originals).keys() == {"row-duplicated", "text-overlap"}


@pytest.mark.parametrize(("name", "rows"), OVERLAPS.items())
def test_train_text_in_the_validation_files_of_the_originals_is_counted(
    originals: CheckReport, name: str, rows: int
) -> None:
    (dataset,) = (d for d in originals.datasets if Path(d.path).name == name)
    overlaps = [
        finding.count
        for finding in dataset.findings
        if finding.code == "text-overlap" and "_validation.jsonl" in finding.message
    ]
    assert overlaps == [rows] * bool(rows)


@pytest.mark.parametrize(
    ("name", "code", "count"),
    [
        ("Copa", "rows-identical", 104),
        ("Copa", "text-newline", 3),
        ("Copa/mezo_gpt/version_1", "rows-identical", 37),
        ("Copa/mezo_gpt/version_2", "text-quoted", 7),
        ("CB", "text-quoted", 3),
        ("CB/lora", "text-quoted", 34),
        ("RTE/backup", "text-quoted", 3),
        ("BOOLQ", "text-quoted", 2),
        ("RTE", "text-duplicated", 7),
        ("RTE", "text-duplicated-new", 1),
        ("BOOLQ", "text-duplicated", 10),
        ("ArcC_Cloze", "rows-identical", 506),
    ],
)
def test_findings_in_old_versions_are_counted(
    backup: dict[str, DatasetFindings], name: str, code: str, count: int
) -> None:
    assert only(backup[name], code).count == count


@pytest.mark.parametrize(("name", "tail"), [("Copa", 100), ("CB", 100), ("RTE", 500)])
def test_the_kept_tail_is_counted(backup: dict[str, DatasetFindings], name: str, tail: int) -> None:
    message = only(backup[name], "rows-identical").message
    assert message.endswith(f"; {tail} of them are the last {tail} rows")


@pytest.mark.parametrize(("name", "rows"), [("RTE", 7), ("BOOLQ", 83)])
def test_overlap_with_validation_is_all_inherited(
    backup: dict[str, DatasetFindings], name: str, rows: int
) -> None:
    messages = [
        finding.message
        for finding in backup[name].findings
        if finding.code == "text-overlap" and finding.count == rows
    ]
    assert [message.endswith(f": {rows} inherited, 0 new") for message in messages] == [True]


def test_no_label_id_or_other_field_was_changed_anywhere(
    backup: dict[str, DatasetFindings],
) -> None:
    codes = {finding.code for dataset in backup.values() for finding in dataset.findings}
    assert codes == {
        "file-missing",
        "row-duplicated",
        "rows-identical",
        "text-duplicated",
        "text-duplicated-new",
        "text-newline",
        "text-overlap",
        "text-quoted",
    }


def test_only_versions_without_validation_have_an_error(
    backup: dict[str, DatasetFindings],
) -> None:
    complete = {name for name, dataset in backup.items() if dataset.ok}
    assert complete == {"ArcC_Cloze", "BOOLQ", "CB", "Copa", "RTE"}
    for name in backup.keys() - complete:
        task, _, version = name.partition("/")
        assert f"--pick {task}={version}" in only(backup[name], "file-missing").fix
