"""Ctrl-C and kill stop a grid cleanly; after these and kill -9, running again completes it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from helpers.processes import alive, end, wait_for
from helpers.workspace import REGISTERED, Workspace
from penstock.runs import RunDirectory, find_runs

KILLED_GRIDS = ("-m", "helpers.killed_grids")


def started(workspace: Workspace, count: int, **values: object) -> subprocess.Popen[str]:
    """Start a grid whose runs wait, and wait until `count` of them run, two at a time."""
    values = {"behaviour": "wait", "seed": [0, 1, 2, 3], "max_parallel": 2, **values}
    grid = workspace.start("train", workspace.experiment(**values))
    wait_for(lambda: len(workspace.pids()) == count, f"{count} trainers")
    return grid


def record_of(workspace: Workspace, state: str) -> list[RunDirectory]:
    """Return the runs in a state."""
    return [run for run in workspace.runs() if run.current().state == state]


def child_of_trainer(workspace: Workspace) -> int:
    """Return the process id of the trainer's child."""
    file = workspace.path / "seen/child"
    wait_for(lambda: file.exists() and file.read_text().strip(), "the trainer's child")
    return int(file.read_text())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stopped_grid_ends_with_130_and_leaves_no_process(
    workspace: Workspace, number: signal.Signals
) -> None:
    if number == signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
        pytest.skip("SIGHUP is ignored, as under nohup, and child processes inherit that")
    grid = started(workspace, 2)
    _, stderr = end(grid, number)
    assert grid.returncode == 130
    assert "interrupted" in stderr
    assert "Traceback" not in stderr
    assert not any(alive(pid) for pid in workspace.pids())
    assert workspace.states() == ["interrupted", "interrupted"], "no other run was started"


def test_finished_runs_are_kept_and_running_again_completes(workspace: Workspace) -> None:
    grid = started(workspace, 4, behaviour=["done", "wait"], seed=[0, 1])
    _, stderr = end(grid, signal.SIGINT)
    assert "2 done, 2 interrupted; run the same command again to continue" in stderr
    assert sorted(workspace.states()) == ["done", "done", "interrupted", "interrupted"]
    workspace.go()
    assert workspace.run("train", "e.yaml").returncode == 0
    assert sorted(workspace.states()) == ["done"] * 4 + ["interrupted"] * 2
    results = {run.read().identity for run in record_of(workspace, "done")}
    assert len(results) == 4, "no run was done twice"


def test_an_interrupted_run_is_finished_without_a_failure(workspace: Workspace) -> None:
    end(started(workspace, 2), signal.SIGINT)
    for run in workspace.runs():
        record = run.read()
        assert (record.state, record.failure, record.result) == ("interrupted", None, None)
        assert record.finished is not None


def test_children_of_a_stopped_trainer_end_with_it(workspace: Workspace) -> None:
    grid = started(workspace, 1, behaviour="wait_with_a_child", seed=0)
    child = child_of_trainer(workspace)
    end(grid, signal.SIGINT)
    assert not alive(child)


def test_nohup_is_respected(workspace: Workspace) -> None:
    file = workspace.experiment(behaviour="wait")
    grid = workspace.start("train", file, under=("nohup",))
    wait_for(lambda: workspace.pids(), "the trainer")
    grid.send_signal(signal.SIGHUP)
    workspace.go()
    grid.communicate()
    assert grid.returncode == 0
    assert workspace.states() == ["done"]


def test_a_second_ctrl_c_does_not_wait_for_trainers_that_ignore_sigterm(
    workspace: Workspace,
) -> None:
    grid = started(workspace, 2, behaviour="ignore_sigterm")
    grid.send_signal(signal.SIGINT)
    assert "stopping; interrupt again to stop immediately" in first_words(grid)
    time.sleep(0.3)  # two signals at the same moment are one
    _, stderr = end(grid, signal.SIGINT)
    assert grid.returncode == 130
    assert "Traceback" not in stderr
    assert workspace.states() == ["interrupted", "interrupted"]
    assert not any(alive(pid) for pid in workspace.pids())


def first_words(process: subprocess.Popen[str]) -> str:
    """Return the stderr of a process up to the message that it is stopping."""
    assert process.stderr is not None
    stderr = ""
    while "stopping" not in stderr:
        stderr += process.stderr.readline()
    return stderr


@pytest.mark.slow
def test_a_trainer_that_ignores_sigterm_is_killed(workspace: Workspace) -> None:
    grid = started(workspace, 1, behaviour="ignore_sigterm", seed=0)
    end(grid, signal.SIGINT)
    assert grid.returncode == 130
    assert workspace.states() == ["interrupted"]
    assert not any(alive(pid) for pid in workspace.pids())


def test_a_killed_grid_leaves_no_trainer_and_running_again_completes(workspace: Workspace) -> None:
    grid = started(workspace, 2)
    end(grid, signal.SIGKILL)
    wait_for(lambda: not any(alive(pid) for pid in workspace.pids()), "the end of the trainers")
    assert workspace.states() == ["failed", "failed"]
    listed = workspace.run("results", "--detail", "--format", "csv").stdout
    assert listed.count("killed: the process that executed the run is gone") == 2
    workspace.go()
    assert workspace.run("train", "e.yaml").returncode == 0
    assert sorted(workspace.states()) == ["done"] * 4 + ["failed"] * 2


def test_a_killed_grid_leaves_no_child_of_its_trainer(workspace: Workspace) -> None:
    grid = started(workspace, 1, behaviour="wait_with_a_child", seed=0)
    child = child_of_trainer(workspace)
    end(grid, signal.SIGKILL)
    wait_for(lambda: not alive(child), "the end of the trainer's child")


def test_a_killed_trainer_is_recorded_as_killed_and_the_grid_fails(workspace: Workspace) -> None:
    grid = started(workspace, 1, seed=0)
    os.kill(workspace.pids()[0], signal.SIGKILL)
    _, stderr = grid.communicate()
    assert grid.returncode == 3
    (run,) = workspace.runs()
    failure = run.read().failure
    assert failure is not None
    assert (failure.kind, failure.status) == ("killed", -9)
    assert "killed: killed by SIGKILL" in stderr
    workspace.go()
    assert workspace.run("train", "e.yaml").returncode == 0


def test_a_run_that_was_done_when_its_grid_was_killed_is_done(workspace: Workspace) -> None:
    grid = started(workspace, 1, behaviour="done_and_wait", seed=0)
    wait_for(lambda: record_of(workspace, "done"), "the result")
    end(grid, signal.SIGKILL)
    assert workspace.states() == ["done"]
    assert workspace.run("train", "e.yaml").returncode == 0
    assert len(workspace.pids()) == 1


def test_a_run_that_was_done_when_it_was_stopped_is_done(workspace: Workspace) -> None:
    grid = started(workspace, 1, behaviour="done_and_wait", seed=0)
    wait_for(lambda: record_of(workspace, "done"), "the result")
    end(grid, signal.SIGINT)
    assert grid.returncode == 130
    assert workspace.states() == ["done"]


@pytest.mark.slow
def test_a_grid_killed_at_any_disk_write_has_valid_records_and_can_be_completed(
    tmp_path: Path,
) -> None:
    workspace = Workspace(tmp_path / "start")
    workspace.experiment()
    killed = subprocess.run(
        [sys.executable, *KILLED_GRIDS, workspace.path, tmp_path / "killed"],
        env={**os.environ, **REGISTERED},
        capture_output=True,
        text=True,
        check=False,
    )
    assert killed.returncode == 0, killed.stderr
    grids = sorted((tmp_path / "killed").iterdir(), key=lambda path: int(path.name))
    assert len(grids) > 20
    for grid in grids:
        states = [run.current().state.value for run in find_runs(grid / "Results")]
        assert states.count("done") == 1, grid
        assert set(states) <= {"done", "failed"}, grid
