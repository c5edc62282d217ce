"""`check`: the datasets it finds, their order, and the paths it rejects."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import penstock
from helpers.check_datasets import boolq_rows, changed, copa_rows, write_copa, write_rows
from penstock.checks import CHECKS, Check, CheckOptions, check
from penstock.errors import ConfigError
from penstock.findings import Code, Collector, Severity


def write_tree(root: Path) -> Path:
    """Write three datasets with many kinds of finding."""
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


def test_errors_come_first_and_the_same_data_gives_the_same_report(tmp_path: Path) -> None:
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


def test_a_report_is_ok_without_errors(tmp_path: Path) -> None:
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


def test_a_path_without_a_dataset_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing\n")
    with pytest.raises(ConfigError, match=r"no dataset of a known format.*copa_train.jsonl"):
        check(tmp_path)
    write_copa(tmp_path / "good" / "Copa")
    (tmp_path / "bad").mkdir()
    with pytest.raises(ConfigError, match="bad: holds no dataset"):
        check([tmp_path / "good", tmp_path / "bad"])


def test_a_missing_path_is_an_error_with_the_closest_name(tmp_path: Path) -> None:
    write_copa(tmp_path / "Copa")
    with pytest.raises(ConfigError, match="Cpoa: there is no such path; did you mean 'Copa'"):
        check(tmp_path / "Cpoa")


def test_a_broken_link_is_an_error_with_its_target(tmp_path: Path) -> None:
    (tmp_path / "Copa").symlink_to("gone/Copa")
    with pytest.raises(ConfigError, match="is a link to gone/Copa, which does not exist"):
        check(tmp_path / "Copa")


def test_a_file_is_an_error_that_requests_its_directory(tmp_path: Path) -> None:
    copa = write_copa(tmp_path / "Copa")
    with pytest.raises(ConfigError, match="is a file; name the directory"):
        check(copa / "copa_train.jsonl")


def test_an_empty_list_of_paths_is_an_error() -> None:
    with pytest.raises(ConfigError, match="at least one path"):
        check([])


def test_nothing_is_written(tmp_path: Path) -> None:
    write_tree(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    check(tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_checks_are_found_by_the_name_of_their_format() -> None:
    assert "task_jsonl" in CHECKS.names()
    assert all(isinstance(CHECKS.get(name), Check) for name in CHECKS.names())
    assert penstock.check is check


def test_versions_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for version in ("version_10-1", "version_2", "version_9-2"):
        write_copa(tmp_path / "Copa" / version)
    names = [Path(dataset.path).name for dataset in check(tmp_path).datasets]
    assert names == ["version_2", "version_9-2", "version_10-1"]


class CsvCheck(Check):
    """The smallest check, as in docs/adding.md."""

    looks_like = "files whose names end in .csv"

    def find(self, path: Path) -> list[Path]:
        return sorted(path.rglob("*.csv"))

    def check(self, dataset: Path, collector: Collector, options: CheckOptions) -> int:
        lines = dataset.read_text(encoding="utf-8").splitlines()
        if not lines:
            collector.add(Code.error("csv-empty", "add a header"), "is empty", file=dataset)
        return len(lines)


def test_a_check_needs_a_description_and_two_methods(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CHECKS, "names", lambda: ["csv"])
    monkeypatch.setattr(CHECKS, "get", lambda name: CsvCheck())
    with pytest.raises(ConfigError, match=r"csv: files whose names end in \.csv"):
        check(tmp_path)
    (tmp_path / "a.csv").write_text("text\nhello\n")
    (tmp_path / "b.csv").write_text("")
    first, second = check(tmp_path).datasets
    assert (first.format, first.rows, first.ok) == ("csv", 2, True)
    (finding,) = second.findings
    assert (finding.code, finding.file) == ("csv-empty", str(tmp_path / "b.csv"))
    with pytest.raises(ConfigError, match="--against compares task data only"):
        check(tmp_path, against=tmp_path)
