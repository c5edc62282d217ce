"""`check`: which datasets it finds, in which order, and what it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import penstock
from helpers.check_datasets import boolq_rows, changed, copa_rows, write_copa, write_rows
from penstock.checks import CHECKS, check
from penstock.errors import ConfigError
from penstock.findings import Severity


def write_tree(root: Path) -> Path:
    """Write three datasets that have many kinds of finding."""
    rows = changed(copa_rows(20), 3, premise=None, score=1, extra=2, more=3, label=9)
    write_copa(root / "b" / "Copa", train=[*rows, *copa_rows(20)])
    write_copa(root / "a" / "copa")
    write_rows(root / "b" / "BOOLQ" / "boolq_train.jsonl", boolq_rows(3) * 2)
    (root / "b" / "Copa" / "notes.jsonl").write_text("{}")
    return root


def test_every_dataset_at_or_below_a_path_is_checked_in_the_order_of_paths(tmp_path: Path) -> None:
    write_tree(tmp_path)
    assert [Path(d.path).relative_to(tmp_path).as_posix() for d in check(tmp_path).datasets] == [
        "a/copa",
        "b/BOOLQ",
        "b/Copa",
    ]


def test_paths_are_checked_in_their_order_and_no_dataset_twice(tmp_path: Path) -> None:
    write_tree(tmp_path)
    report = check([tmp_path / "b" / "Copa", str(tmp_path)])
    assert [Path(dataset.path).name for dataset in report.datasets] == ["Copa", "copa", "BOOLQ"]


def test_paths_of_findings_begin_as_the_path_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tree(tmp_path)
    monkeypatch.chdir(tmp_path)
    findings = [finding for dataset in check("b").datasets for finding in dataset.findings]
    assert {finding.file.split("/")[0] for finding in findings if finding.file} == {"b"}


def test_errors_stand_first_and_the_same_data_gives_the_same_report(tmp_path: Path) -> None:
    write_tree(tmp_path)
    report = check(tmp_path)
    ranks = [list(Severity).index(finding.severity) for finding in report.datasets[2].findings]
    assert ranks == sorted(ranks)
    program = (
        "import json, sys; from penstock import check; "
        "print(json.dumps(check(sys.argv[1]).to_dict()))"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    for seed in ("1", "2"):
        # Hashes of text differ between processes; reports must not.
        run = subprocess.run(command, env={"PYTHONHASHSEED": seed}, capture_output=True, check=True)
        assert json.loads(run.stdout) == json.loads(json.dumps(report.to_dict()))


def test_a_report_is_ok_until_an_error_stands_in_one_dataset(tmp_path: Path) -> None:
    copa = write_copa(tmp_path / "Copa")
    (copa / "more.jsonl").write_text("{}\n")
    assert check(copa).ok
    assert not check([copa, write_copa(tmp_path / "copa")]).ok


def test_a_dataset_behind_a_link_is_checked_and_a_loop_of_links_is_not_followed(
    tmp_path: Path,
) -> None:
    home = write_copa(tmp_path / "home" / "Copa")
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "Copa").symlink_to(home)
    (home / "loop").symlink_to(tmp_path / "home")
    assert [d.path for d in check(tmp_path / "tree").datasets] == [str(tmp_path / "tree" / "Copa")]


def test_a_path_that_holds_nothing_known_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing\n")
    with pytest.raises(ConfigError, match=r"no dataset of a known format.*copa_train.jsonl"):
        check(tmp_path)
    write_copa(tmp_path / "good" / "Copa")
    (tmp_path / "bad").mkdir()
    with pytest.raises(ConfigError, match="bad: holds no dataset"):
        check([tmp_path / "good", tmp_path / "bad"])


def test_a_path_that_is_not_there_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    write_copa(tmp_path / "Copa")
    with pytest.raises(ConfigError, match="Cpoa: there is no such path; did you mean 'Copa'"):
        check(tmp_path / "Cpoa")


def test_a_link_that_leads_nowhere_is_refused_with_its_target(tmp_path: Path) -> None:
    (tmp_path / "Copa").symlink_to("gone/Copa")
    with pytest.raises(ConfigError, match="is a link to gone/Copa, which does not exist"):
        check(tmp_path / "Copa")


def test_a_file_is_refused_and_its_directory_asked_for(tmp_path: Path) -> None:
    copa = write_copa(tmp_path / "Copa")
    with pytest.raises(ConfigError, match="is a file; name the directory"):
        check(copa / "copa_train.jsonl")


def test_no_path_at_all_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least one path"):
        check([])


def test_nothing_is_written(tmp_path: Path) -> None:
    write_tree(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    check(tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_checkers_are_found_by_the_name_of_their_format() -> None:
    assert "task_jsonl" in CHECKS.names()
    assert all(CHECKS.get(name).format == name for name in CHECKS.names())
    assert penstock.check is check


def test_versions_stand_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for version in ("version_10-1", "version_2", "version_9-2"):
        write_copa(tmp_path / "Copa" / version)
    names = [Path(dataset.path).name for dataset in check(tmp_path).datasets]
    assert names == ["version_2", "version_9-2", "version_10-1"]
