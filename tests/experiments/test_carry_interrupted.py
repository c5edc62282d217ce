"""Ctrl-C and kill stop a grid cleanly; kill -9 stops it all the same. Running again completes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from helpers.workplace import REGISTERED, Workplace, alive, end, until
from penstock.runs import RunDirectory, find_runs

KILLED_GRIDS = ("-m", "helpers.killed_grids")


def started(place: Workplace, count: int, **values: object) -> subprocess.Popen[str]:
    """Start a grid whose runs wait, and wait until `count` of them run, two at a time."""
    values = {"behaviour": "wait", "seed": [0, 1, 2, 3], "max_parallel": 2, **values}
    grid = place.start("train", place.experiment(**values))
    until(lambda: len(place.pids()) == count, f"{count} trainers")
    return grid


def record_of(place: Workplace, state: str) -> list[RunDirectory]:
    """Return the runs in a state."""
    return [run for run in place.runs() if run.current().state == state]


def child_of_trainer(place: Workplace) -> int:
    """Return the process id of what a trainer has started."""
    file = place.path / "seen/child"
    until(lambda: file.exists() and file.read_text().strip(), "the trainer's child")
    return int(file.read_text())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stopped_grid_ends_with_130_and_leaves_no_process(
    place: Workplace, number: signal.Signals
) -> None:
    if number == signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
        pytest.skip("SIGHUP is ignored here, as under nohup, and what is started inherits that")
    grid = started(place, 2)
    _, said = end(grid, number)
    assert grid.returncode == 130
    assert "interrupted" in said
    assert "Traceback" not in said
    assert not any(alive(pid) for pid in place.pids())
    assert place.states() == ["interrupted", "interrupted"], "no other was started"


def test_what_is_done_is_kept_and_running_again_completes(place: Workplace) -> None:
    grid = started(place, 4, behaviour=["done", "wait"], seed=[0, 1])
    _, said = end(grid, signal.SIGINT)
    assert "2 done, 2 interrupted; the same command goes on from here" in said
    assert sorted(place.states()) == ["done", "done", "interrupted", "interrupted"]
    place.go()
    assert place.run("train", "e.yaml").returncode == 0
    assert sorted(place.states()) == ["done"] * 4 + ["interrupted"] * 2
    results = {run.read().identity for run in record_of(place, "done")}
    assert len(results) == 4, "no run was done twice"


def test_an_interrupted_run_is_closed_and_has_no_failure(place: Workplace) -> None:
    end(started(place, 2), signal.SIGINT)
    for run in place.runs():
        record = run.read()
        assert (record.state, record.failure, record.result) == ("interrupted", None, None)
        assert record.finished is not None


def test_what_a_stopped_trainer_has_started_ends_with_it(place: Workplace) -> None:
    grid = started(place, 1, behaviour="wait_with_a_child", seed=0)
    child = child_of_trainer(place)
    end(grid, signal.SIGINT)
    assert not alive(child)


def test_nohup_is_respected(place: Workplace) -> None:
    file = place.experiment(behaviour="wait")
    grid = place.start("train", file, under=("nohup",))
    until(lambda: place.pids(), "the trainer")
    grid.send_signal(signal.SIGHUP)
    place.go()
    grid.communicate()
    assert grid.returncode == 0
    assert place.states() == ["done"]


def test_a_second_ctrl_c_does_not_wait_for_trainers_that_do_not_listen(place: Workplace) -> None:
    grid = started(place, 2, behaviour="ignore_sigterm")
    grid.send_signal(signal.SIGINT)
    assert "stopping; interrupt again to stop immediately" in first_words(grid)
    time.sleep(0.3)  # two signals at the same moment are one
    _, said = end(grid, signal.SIGINT)
    assert grid.returncode == 130
    assert "Traceback" not in said
    assert place.states() == ["interrupted", "interrupted"]
    assert not any(alive(pid) for pid in place.pids())


def first_words(process: subprocess.Popen[str]) -> str:
    """Return what a process says on stderr, up to the word that it stops."""
    assert process.stderr is not None
    said = ""
    while "stopping" not in said:
        said += process.stderr.readline()
    return said


@pytest.mark.slow
def test_a_trainer_that_does_not_listen_is_killed(place: Workplace) -> None:
    grid = started(place, 1, behaviour="ignore_sigterm", seed=0)
    end(grid, signal.SIGINT)
    assert grid.returncode == 130
    assert place.states() == ["interrupted"]
    assert not any(alive(pid) for pid in place.pids())


def test_a_killed_grid_leaves_no_trainer_and_running_again_completes(place: Workplace) -> None:
    grid = started(place, 2)
    end(grid, signal.SIGKILL)
    until(lambda: not any(alive(pid) for pid in place.pids()), "the end of the trainers")
    assert place.states() == ["failed", "failed"]
    listed = place.run("results", "--detail", "--format", "csv").stdout
    assert listed.count("killed: the process that carried the run is gone") == 2
    place.go()
    assert place.run("train", "e.yaml").returncode == 0
    assert sorted(place.states()) == ["done"] * 4 + ["failed"] * 2


def test_a_killed_grid_leaves_nothing_that_its_trainer_has_started(place: Workplace) -> None:
    grid = started(place, 1, behaviour="wait_with_a_child", seed=0)
    child = child_of_trainer(place)
    end(grid, signal.SIGKILL)
    until(lambda: not alive(child), "the end of the trainer's child")


def test_a_killed_trainer_is_recorded_as_killed_and_the_grid_fails(place: Workplace) -> None:
    grid = started(place, 1, seed=0)
    os.kill(place.pids()[0], signal.SIGKILL)
    _, said = grid.communicate()
    assert grid.returncode == 3
    (run,) = place.runs()
    failure = run.read().failure
    assert failure is not None
    assert (failure.kind, failure.status) == ("killed", -9)
    assert "killed: ended by SIGKILL" in said
    place.go()
    assert place.run("train", "e.yaml").returncode == 0


def test_a_run_that_was_done_when_its_grid_was_killed_is_done(place: Workplace) -> None:
    grid = started(place, 1, behaviour="done_and_wait", seed=0)
    until(lambda: record_of(place, "done"), "the result")
    end(grid, signal.SIGKILL)
    assert place.states() == ["done"]
    assert place.run("train", "e.yaml").returncode == 0
    assert len(place.pids()) == 1


def test_a_run_that_was_done_when_it_was_stopped_is_done(place: Workplace) -> None:
    grid = started(place, 1, behaviour="done_and_wait", seed=0)
    until(lambda: record_of(place, "done"), "the result")
    end(grid, signal.SIGINT)
    assert grid.returncode == 130
    assert place.states() == ["done"]


@pytest.mark.slow
def test_a_grid_killed_at_any_change_of_the_disk_has_whole_records_and_can_be_completed(
    tmp_path: Path,
) -> None:
    place = Workplace(tmp_path / "start")
    place.experiment()
    killed = subprocess.run(
        [sys.executable, *KILLED_GRIDS, place.path, tmp_path / "killed"],
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
