"""`wait_for_completion: false` trains in the background."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from helpers.processes import alive, wait_for
from helpers.workspace import Workspace


def detach(workspace: Workspace, *arguments: str, **values: Any) -> dict[str, Any]:
    """Start a grid in the background; return what was printed."""
    values = {"behaviour": "wait", "wait_for_completion": False, **values}
    done = workspace.run("train", workspace.experiment(**values), "--format", "json", *arguments)
    assert done.returncode == 0, done.stderr
    started: dict[str, Any] = json.loads(done.stdout)
    return started


def test_train_returns_while_the_runs_continue_and_prints_process_and_log(
    workspace: Workspace,
) -> None:
    started = detach(workspace, seed=[0, 1], max_parallel=1)
    try:
        assert set(started) == {"pid", "log"}
        assert alive(started["pid"])
        assert (workspace.path / started["log"]).is_file()
        assert workspace.states() == ["running"]
        listed = json.loads(workspace.run("results", "--format", "json").stdout)
        assert [row["state"] for row in listed["runs"]] == ["running"]
    finally:
        workspace.go()
    wait_for(lambda: workspace.states() == ["done", "done"], "the end of both runs")
    wait_for(lambda: not alive(started["pid"]), "the end of the process")
    lines = (workspace.path / started["log"]).read_text().splitlines()
    assert lines[0] == "2 runs, 2 to do"
    assert lines[-1] == "2 done"


def test_a_second_start_starts_no_run_twice(workspace: Workspace) -> None:
    started = detach(workspace, seed=[0, 1], max_parallel=2)
    try:
        wait_for(lambda: len(workspace.pids()) == 2, "both trainers")
        again = workspace.run("train", workspace.path / "e.yaml")
        assert again.returncode == 0
        assert "2 runs, 0 to do (2 running)" in again.stderr
        assert again.stdout == "2 runs running in another process\n2 running\n"
    finally:
        workspace.go()
    wait_for(lambda: workspace.states() == ["done", "done"], "the end of both runs")
    wait_for(lambda: not alive(started["pid"]), "the end of the process")
    assert len(workspace.pids()) == 2


def test_without_runs_to_do_no_process_is_started(workspace: Workspace) -> None:
    workspace.go()
    started = detach(workspace)
    wait_for(lambda: not alive(started["pid"]), "the end of the process")
    again = workspace.run("train", workspace.path / "e.yaml")
    assert again.stdout == "1 done\n"
    assert len(list((workspace.path / "Results/p").glob("*.log"))) == 1


def test_a_killed_grid_can_be_continued(workspace: Workspace) -> None:
    started = detach(workspace)
    os.kill(started["pid"], signal.SIGTERM)
    wait_for(lambda: workspace.states() == ["interrupted"], "the interruption")
    workspace.go()
    assert workspace.run("train", "e.yaml", "wait_for_completion=true").returncode == 0
    assert sorted(workspace.states()) == ["done", "interrupted"]


def test_the_output_for_people_says_how_to_stop_and_how_to_see_the_state(
    workspace: Workspace,
) -> None:
    workspace.go()
    done = workspace.run("train", workspace.experiment(behaviour="wait", wait_for_completion=False))
    first, second, third = done.stdout.splitlines()
    assert "running in the background as process" in first and "stop it: kill" in first
    assert (workspace.path / second.removeprefix("log: ")).is_file()
    assert third == "state: penstock results --purpose p"
    wait_for(lambda: workspace.states() == ["done"], "the end of the run")


def test_an_early_failure_is_reported_with_the_log(workspace: Workspace) -> None:
    (workspace.path / "Results/p").mkdir(parents=True)
    (workspace.path / "Results/p/some-org").write_text("a file in the way")
    failed = workspace.run("train", workspace.experiment(wait_for_completion=False))
    assert failed.returncode == 2
    assert "the background process failed; log Results/p/train_" in failed.stderr
    assert "cannot be written" in failed.stderr


def test_overrides_apply_in_the_background(workspace: Workspace) -> None:
    workspace.go()
    detach(workspace, "experiment.purpose=q", "hyperparameters.seed=[5]")
    wait_for(lambda: workspace.states() == ["done"], "the end of the run")
    (run,) = workspace.runs()
    record = run.read()
    assert record.config.purpose == "q"
    assert record.config.hyperparameters["seed"] == 5


@pytest.mark.parametrize("results", ["Results", "Elsewhere"])
def test_the_log_is_in_the_directory_of_the_runs(workspace: Workspace, results: str) -> None:
    workspace.go()
    started = detach(workspace, results=results)
    assert Path(started["log"]).parent == Path(results, "p")
    wait_for(lambda: not alive(started["pid"]), "the end of the process")
