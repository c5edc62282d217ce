"""`penstock train` from the command line: the dry run, the output, and exit codes."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from helpers.command import PENSTOCK, penstock_in_terminal
from helpers.workspace import REGISTERED, Workspace
from penstock.cli._grid import GridProgress
from penstock.cli._output import Output, OutputFormat

FORMATS = ("human", "json", "jsonl", "csv")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A working directory with a dataset."""
    return Workspace(tmp_path)


def tree(directory: Path) -> dict[str, int]:
    """Return every path below a directory with its modification time."""
    return {str(path): path.stat().st_mtime_ns for path in sorted(directory.rglob("*"))}


def lines(text: str) -> list[dict[str, Any]]:
    """Return JSON lines."""
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("format", FORMATS)
def test_a_dry_run_creates_nothing_in_any_format(workspace: Workspace, format: str) -> None:
    file = workspace.experiment(seed=[0, 1])
    before = tree(workspace.path)
    shown = workspace.run("train", file, "--dry-run", "--format", format)
    assert shown.returncode == 0
    assert shown.stdout
    assert tree(workspace.path) == before


def test_a_dry_run_prints_runs_types_directories_and_the_count(
    workspace: Workspace,
) -> None:
    file = workspace.experiment(seed=[0, 1], behaviour=["done", "fail"], cuda_devices="0,1")
    shown = workspace.run("train", file, "--dry-run").stdout
    rows = [line.split() for line in shown.splitlines()]
    assert ["4", "some-org/some-model", "copa", "stub", "original", "1", "fail", "missing"] in rows
    assert ["learning_rate", "float", "1e-3"] in rows
    assert ["seed", "int", "0,", "1"] in rows
    assert ["behaviour", "str", "done,", "fail"] in rows
    parent = "Results/p/some-org/some-model/Copa_stub_original_1e-3/{timestamp}"
    assert [parent] in rows
    last = shown.splitlines()[-1]
    assert last == "4 runs, 4 to do, 2 at a time on cuda:0, cuda:1. Nothing was created."


def test_a_dry_run_as_json_is_one_document_with_typed_values(workspace: Workspace) -> None:
    file = workspace.experiment(seed=[0, 1])
    plan = json.loads(workspace.run("train", file, "--dry-run", "--format", "json").stdout)
    assert (plan["count"], plan["to_do"], plan["notes"]) == (2, 2, [])
    first = plan["runs"][0]
    assert (first["learning_rate"], first["seed"], first["method"]) == (1e-3, 0, "stub")
    assert first["directory"].endswith("/Copa_stub_original_1e-3/{timestamp}")


def test_a_dry_run_as_jsonl_or_csv_has_a_row_per_run(workspace: Workspace) -> None:
    file = workspace.experiment(seed=[0, 1])
    rows = lines(workspace.run("train", file, "--dry-run", "--format", "jsonl").stdout)
    assert [row["seed"] for row in rows] == [0, 1]
    table = workspace.run("train", file, "--dry-run", "--format", "csv").stdout
    assert [row["seed"] for row in csv.DictReader(table.splitlines())] == ["0", "1"]


def test_a_dry_run_shows_finished_runs_and_their_directories(workspace: Workspace) -> None:
    workspace.run("train", workspace.experiment(seed=0))
    file = workspace.experiment(seed=[0, 1])
    plan = json.loads(workspace.run("train", file, "--dry-run", "--format", "json").stdout)
    assert [run["state"] for run in plan["runs"]] == ["done", "missing"]
    assert plan["to_do"] == 1
    assert (workspace.path / plan["runs"][0]["directory"] / "run.json").is_file()


def test_a_dry_run_of_a_failed_run_shows_its_next_directory(
    workspace: Workspace,
) -> None:
    file = workspace.experiment(behaviour="fail")
    workspace.run("train", file)
    (run,) = lines(workspace.run("train", file, "--dry-run", "--format", "jsonl").stdout)
    assert run["state"] == "failed"
    assert run["directory"].endswith("{timestamp}")


def test_notes_go_to_stderr_and_quiet_suppresses_them(workspace: Workspace) -> None:
    file = workspace.experiment(seed=[0, 0])
    shown = workspace.run("train", file, "--dry-run")
    assert shown.stderr == "note: 1 of 2 cells give the same run as another cell\n"
    assert workspace.run("train", file, "--dry-run", "--quiet").stderr == ""


def test_json_is_one_document(workspace: Workspace) -> None:
    file = workspace.experiment(behaviour=["done", "fail"], continue_on_error=True)
    shown = workspace.run("train", file, "--format", "json")
    assert shown.returncode == 3
    outcome = json.loads(shown.stdout)
    assert outcome["counts"] == {"done": 1, "failed": 1}
    done, failed = outcome["runs"]
    assert (done["state"], done["score"], done["failure"]) == ("done", 0.75, None)
    assert (failed["state"], failed["score"]) == ("failed", None)
    assert (failed["failure"], failed["message"]) == ("error", "ended with status 1: it broke")
    assert (workspace.path / failed["directory"] / "run.json").is_file()


def test_jsonl_has_each_run_once_including_those_done_before(workspace: Workspace) -> None:
    workspace.run("train", workspace.experiment(seed=[0, 1]))
    rows = lines(
        workspace.run("train", workspace.experiment(seed=[0, 1, 2]), "--format", "jsonl").stdout
    )
    assert [row["state"] for row in rows] == ["done"] * 3
    assert len({row["identity"] for row in rows}) == 3


def test_csv_has_a_row_per_run(workspace: Workspace) -> None:
    file = workspace.experiment(seed=[0, 1], behaviour=["done", "fail"], continue_on_error=True)
    table = workspace.run("train", file, "--format", "csv").stdout
    rows = list(csv.DictReader(table.splitlines()))
    assert sorted(row["state"] for row in rows) == ["done", "done", "failed", "failed"]


def test_each_end_of_a_run_is_printed_on_stderr_with_its_varying_values(
    workspace: Workspace,
) -> None:
    shown = workspace.run("train", workspace.experiment(seed=[0, 1], max_parallel=1)).stderr
    assert shown.splitlines() == [
        "2 runs, 2 to do",
        "[1/2] copa stub original, seed 0: accuracy 0.750",
        "[2/2] copa stub original, seed 1: accuracy 0.750",
    ]


def test_quiet_prints_only_the_result(workspace: Workspace) -> None:
    shown = workspace.run("train", workspace.experiment(), "--quiet")
    assert (shown.stdout, shown.stderr) == ("1 done\n", "")


def test_no_thread_watches_the_metrics_when_the_progress_is_hidden() -> None:
    plan: Any = SimpleNamespace(runs=[], to_do=[])
    before = threading.active_count()
    with GridProgress(plan, Output(OutputFormat.HUMAN)):  # stderr is no terminal
        assert threading.active_count() == before


def test_a_terminal_shows_progress_and_then_the_result(workspace: Workspace) -> None:
    workspace.go()
    file = workspace.experiment(seed=[0, 1], behaviour="wait")
    shown = penstock_in_terminal("train", file, cwd=workspace.path, environment=REGISTERED)
    assert "all runs" in shown
    assert shown.rstrip().endswith("2 done")


@pytest.mark.parametrize("format", ["human", "jsonl"])
@pytest.mark.parametrize("closed", ["stdout", "stderr"])
def test_a_closed_pipe_does_not_end_a_grid(workspace: Workspace, format: str, closed: str) -> None:
    file = workspace.experiment(seed=[0, 1, 2], max_parallel=1, behaviour="wait")
    grid = subprocess.Popen(
        [*PENSTOCK, "train", file, "--format", format],
        cwd=workspace.path,
        env={**os.environ, **REGISTERED},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert grid.stdout is not None and grid.stderr is not None
    grid.stderr.readline()  # it has begun
    (grid.stdout if closed == "stdout" else grid.stderr).close()
    workspace.go()
    (grid.stderr if closed == "stdout" else grid.stdout).read()
    assert grid.wait(60) == 0
    assert workspace.states() == ["done"] * 3


def test_overrides_replace_values_of_the_file(workspace: Workspace) -> None:
    file = workspace.experiment()
    done = workspace.run("train", file, "hyperparameters.seed=[3, 4]", "experiment.purpose=q")
    assert done.returncode == 0
    assert sorted(workspace.seen()) == [3, 4]
    assert {run.path.relative_to(workspace.path).parts[1] for run in workspace.runs()} == {"q"}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["absent.yaml"], "absent.yaml: there is no such file"),
        (["data"], "data: is a directory; name the YAML file in it"),
        (["e.yaml", "seed"], "command line: 'seed': an override has the form key.path=value"),
        (["e.yaml", "hyperparameters.sed=1"], "unknown key; did you mean 'seed'?"),
        (["e.yaml", "trainer=stubb"], "there is no trainer 'stubb'; did you mean 'stub'?"),
        (["e.yaml", "data.path=nowhere"], "nowhere: there is no such directory"),
    ],
)
def test_an_invalid_experiment_exits_with_2_and_a_message(
    workspace: Workspace, arguments: list[str], expected: str
) -> None:
    workspace.experiment()
    refused = workspace.run("train", *arguments)
    assert refused.returncode == 2
    assert refused.stdout == ""
    assert expected in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (workspace.path / "Results").exists()


def test_nothing_to_do_is_not_an_error(workspace: Workspace) -> None:
    file = workspace.experiment()
    workspace.run("train", file)
    again = workspace.run("train", file)
    assert (again.returncode, again.stdout) == (0, "1 done\n")
    assert again.stderr == "1 run, 0 to do (1 done)\n"
