"""`penstock train` from the command line: the dry run, what is printed where, and exit codes."""

from __future__ import annotations

import csv
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from helpers.command import PENSTOCK, penstock_in_terminal
from helpers.workplace import REGISTERED, Workplace

FORMATS = ("human", "json", "jsonl", "csv")


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    """A working directory with a dataset."""
    return Workplace(tmp_path)


def tree(directory: Path) -> dict[str, int]:
    """Return every path below a directory with the time of its last change."""
    return {str(path): path.stat().st_mtime_ns for path in sorted(directory.rglob("*"))}


def lines(text: str) -> list[dict[str, Any]]:
    """Return JSON lines."""
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("format", FORMATS)
def test_a_dry_run_creates_nothing_under_any_format(place: Workplace, format: str) -> None:
    file = place.experiment(seed=[0, 1])
    before = tree(place.path)
    shown = place.run("train", file, "--dry-run", "--format", format)
    assert shown.returncode == 0
    assert shown.stdout
    assert tree(place.path) == before


def test_a_dry_run_tells_people_the_runs_the_count_the_types_and_the_directories(
    place: Workplace,
) -> None:
    file = place.experiment(seed=[0, 1], behaviour=["done", "fail"], cuda_devices="0,1")
    shown = place.run("train", file, "--dry-run").stdout
    rows = [line.split() for line in shown.splitlines()]
    assert ["4", "some-org/some-model", "copa", "stub", "original", "1", "fail", "missing"] in rows
    assert ["learning_rate", "float", "1e-3"] in rows
    assert ["seed", "int", "0,", "1"] in rows
    assert ["behaviour", "str", "done,", "fail"] in rows
    place_of_runs = "Results/p/some-org/some-model/Copa_stub_original_1e-3/{timestamp}"
    assert [place_of_runs] in rows
    last = shown.splitlines()[-1]
    assert last == "4 runs, 4 to do, 2 at a time on cuda:0, cuda:1. Nothing was created."


def test_a_dry_run_as_json_is_one_document_with_typed_values(place: Workplace) -> None:
    file = place.experiment(seed=[0, 1])
    plan = json.loads(place.run("train", file, "--dry-run", "--format", "json").stdout)
    assert (plan["count"], plan["to_do"], plan["notes"]) == (2, 2, [])
    first = plan["runs"][0]
    assert (first["learning_rate"], first["seed"], first["method"]) == (1e-3, 0, "stub")
    assert first["directory"].endswith("/Copa_stub_original_1e-3/{timestamp}")


def test_a_dry_run_as_lines_or_as_a_table_has_a_row_for_each_run(place: Workplace) -> None:
    file = place.experiment(seed=[0, 1])
    rows = lines(place.run("train", file, "--dry-run", "--format", "jsonl").stdout)
    assert [row["seed"] for row in rows] == [0, 1]
    table = place.run("train", file, "--dry-run", "--format", "csv").stdout
    assert [row["seed"] for row in csv.DictReader(table.splitlines())] == ["0", "1"]


def test_a_dry_run_knows_what_is_done_and_where(place: Workplace) -> None:
    place.run("train", place.experiment(seed=0))
    file = place.experiment(seed=[0, 1])
    plan = json.loads(place.run("train", file, "--dry-run", "--format", "json").stdout)
    assert [run["state"] for run in plan["runs"]] == ["done", "missing"]
    assert plan["to_do"] == 1
    assert (place.path / plan["runs"][0]["directory"] / "run.json").is_file()


def test_a_dry_run_of_a_failed_run_shows_where_it_will_be_and_not_where_it_was(
    place: Workplace,
) -> None:
    file = place.experiment(behaviour="fail")
    place.run("train", file)
    (run,) = lines(place.run("train", file, "--dry-run", "--format", "jsonl").stdout)
    assert run["state"] == "failed"
    assert run["directory"].endswith("{timestamp}")


def test_notes_go_to_stderr_and_quiet_leaves_them_out(place: Workplace) -> None:
    file = place.experiment(seed=[0, 0])
    said = place.run("train", file, "--dry-run")
    assert said.stderr == "note: 1 of 2 cells come to the same run as another\n"
    assert place.run("train", file, "--dry-run", "--quiet").stderr == ""


def test_what_was_trained_is_told_as_one_document(place: Workplace) -> None:
    file = place.experiment(behaviour=["done", "fail"], continue_on_error=True)
    shown = place.run("train", file, "--format", "json")
    assert shown.returncode == 3
    outcome = json.loads(shown.stdout)
    assert outcome["counts"] == {"done": 1, "failed": 1}
    done, failed = outcome["runs"]
    assert (done["state"], done["score"], done["failure"]) == ("done", 0.75, None)
    assert (failed["state"], failed["score"]) == ("failed", None)
    assert (failed["failure"], failed["message"]) == ("error", "ended with status 1: it broke")
    assert (place.path / failed["directory"] / "run.json").is_file()


def test_as_lines_each_run_is_told_once_those_that_were_done_before_too(place: Workplace) -> None:
    place.run("train", place.experiment(seed=[0, 1]))
    rows = lines(place.run("train", place.experiment(seed=[0, 1, 2]), "--format", "jsonl").stdout)
    assert [row["state"] for row in rows] == ["done"] * 3
    assert len({row["identity"] for row in rows}) == 3


def test_as_a_table_each_run_is_a_row(place: Workplace) -> None:
    file = place.experiment(seed=[0, 1], behaviour=["done", "fail"], continue_on_error=True)
    table = place.run("train", file, "--format", "csv").stdout
    rows = list(csv.DictReader(table.splitlines()))
    assert sorted(row["state"] for row in rows) == ["done", "done", "failed", "failed"]


def test_people_see_each_run_end_on_stderr_with_what_tells_it_from_the_others(
    place: Workplace,
) -> None:
    said = place.run("train", place.experiment(seed=[0, 1], max_parallel=1)).stderr
    assert said.splitlines() == [
        "2 runs, 2 to do",
        "[1/2] copa stub original, seed 0: accuracy 0.750",
        "[2/2] copa stub original, seed 1: accuracy 0.750",
    ]


def test_quiet_leaves_the_result_alone(place: Workplace) -> None:
    shown = place.run("train", place.experiment(), "--quiet")
    assert (shown.stdout, shown.stderr) == ("1 done\n", "")


def test_in_a_terminal_there_is_progress_and_the_result_stays(place: Workplace) -> None:
    place.go()
    file = place.experiment(seed=[0, 1], behaviour="wait")
    shown = penstock_in_terminal("train", file, cwd=place.path, environment=REGISTERED)
    assert "all runs" in shown
    assert shown.rstrip().endswith("2 done")


@pytest.mark.parametrize("format", ["human", "jsonl"])
@pytest.mark.parametrize("closed", ["stdout", "stderr"])
def test_a_reader_that_goes_away_does_not_end_a_grid(
    place: Workplace, format: str, closed: str
) -> None:
    file = place.experiment(seed=[0, 1, 2], max_parallel=1, behaviour="wait")
    grid = subprocess.Popen(
        [*PENSTOCK, "train", file, "--format", format],
        cwd=place.path,
        env={**os.environ, **REGISTERED},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert grid.stdout is not None and grid.stderr is not None
    grid.stderr.readline()  # it has begun
    (grid.stdout if closed == "stdout" else grid.stderr).close()
    place.go()
    (grid.stderr if closed == "stdout" else grid.stdout).read()
    assert grid.wait(60) == 0
    assert place.states() == ["done"] * 3


def test_overrides_are_taken_after_the_file(place: Workplace) -> None:
    file = place.experiment()
    done = place.run("train", file, "hyperparameters.seed=[3, 4]", "experiment.purpose=q")
    assert done.returncode == 0
    assert sorted(place.seen()) == [3, 4]
    assert {run.path.relative_to(place.path).parts[1] for run in place.runs()} == {"q"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["absent.yaml"], "absent.yaml: there is no such file"),
        (["data"], "data: is a directory; name the YAML file in it"),
        (["e.yaml", "seed"], "command line: 'seed': an override has the form key.path=value"),
        (["e.yaml", "hyperparameters.sed=1"], "unknown key; did you mean 'seed'?"),
        (["e.yaml", "trainer=stubb"], "there is no trainer 'stubb'; did you mean 'stub'?"),
        (["e.yaml", "data.path=nowhere"], "nowhere: there is no such directory"),
    ],
)
def test_what_cannot_be_followed_ends_with_2_and_a_word_about_it(
    place: Workplace, arguments: list[str], said: str
) -> None:
    place.experiment()
    refused = place.run("train", *arguments)
    assert refused.returncode == 2
    assert refused.stdout == ""
    assert said in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (place.path / "Results").exists()


def test_nothing_to_do_is_no_error(place: Workplace) -> None:
    file = place.experiment()
    place.run("train", file)
    again = place.run("train", file)
    assert (again.returncode, again.stdout) == (0, "1 done\n")
    assert again.stderr == "1 run, 0 to do (1 done)\n"
