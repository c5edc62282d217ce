"""`wait_for_completion: false` goes on in the background."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from helpers.workplace import Workplace, alive, until


def detach(place: Workplace, *arguments: str, **values: Any) -> dict[str, Any]:
    """Start a grid in the background; return what was printed."""
    values = {"behaviour": "wait", "wait_for_completion": False, **values}
    done = place.run("train", place.experiment(**values), "--format", "json", *arguments)
    assert done.returncode == 0, done.stderr
    started: dict[str, Any] = json.loads(done.stdout)
    return started


def test_it_returns_while_the_runs_go_on_and_names_process_and_log(place: Workplace) -> None:
    started = detach(place, seed=[0, 1], max_parallel=1)
    try:
        assert set(started) == {"pid", "log"}
        assert alive(started["pid"])
        assert (place.path / started["log"]).is_file()
        assert place.states() == ["running"]
        listed = json.loads(place.run("results", "--format", "json").stdout)
        assert [row["state"] for row in listed["runs"]] == ["running"]
    finally:
        place.go()
    until(lambda: place.states() == ["done", "done"], "the end of both runs")
    until(lambda: not alive(started["pid"]), "the end of the process")
    lines = (place.path / started["log"]).read_text().splitlines()
    assert lines[0] == "2 runs, 2 to do"
    assert lines[-1] == "2 done"


def test_a_second_start_meanwhile_starts_nothing_twice(place: Workplace) -> None:
    started = detach(place, seed=[0, 1], max_parallel=2)
    try:
        until(lambda: len(place.pids()) == 2, "both trainers")
        again = place.run("train", place.path / "e.yaml")
        assert again.returncode == 0
        assert "2 runs, 0 to do (2 running)" in again.stderr
        assert again.stdout == "2 runs running in another process\n2 running\n"
    finally:
        place.go()
    until(lambda: place.states() == ["done", "done"], "the end of both runs")
    until(lambda: not alive(started["pid"]), "the end of the process")
    assert len(place.pids()) == 2


def test_when_nothing_is_to_do_nothing_is_started(place: Workplace) -> None:
    place.go()
    started = detach(place)
    until(lambda: not alive(started["pid"]), "the end of the process")
    again = place.run("train", place.path / "e.yaml")
    assert again.stdout == "1 done\n"
    assert len(list((place.path / "Results/p").glob("*.log"))) == 1


def test_it_is_stopped_by_kill_and_goes_on_from_there(place: Workplace) -> None:
    started = detach(place)
    os.kill(started["pid"], signal.SIGTERM)
    until(lambda: place.states() == ["interrupted"], "the interruption")
    place.go()
    assert place.run("train", "e.yaml", "wait_for_completion=true").returncode == 0
    assert sorted(place.states()) == ["done", "interrupted"]


def test_for_people_it_says_how_to_look_and_how_to_stop(place: Workplace) -> None:
    place.go()
    done = place.run("train", place.experiment(behaviour="wait", wait_for_completion=False))
    first, second, third = done.stdout.splitlines()
    assert "carried in the background by process" in first and "stop it: kill" in first
    assert (place.path / second.removeprefix("log: ")).is_file()
    assert third == "see: penstock results --purpose p"
    until(lambda: place.states() == ["done"], "the end of the run")


def test_a_failure_at_once_is_told_with_the_log(place: Workplace) -> None:
    (place.path / "Results/p").mkdir(parents=True)
    (place.path / "Results/p/some-org").write_text("a file in the way")
    failed = place.run("train", place.experiment(wait_for_completion=False))
    assert failed.returncode == 2
    assert "ended at once, see Results/p/train_" in failed.stderr
    assert "cannot be written" in failed.stderr


def test_overrides_go_with_it(place: Workplace) -> None:
    place.go()
    detach(place, "experiment.purpose=q", "hyperparameters.seed=[5]")
    until(lambda: place.states() == ["done"], "the end of the run")
    (run,) = place.runs()
    record = run.read()
    assert record.config.purpose == "q"
    assert record.config.hyperparameters["seed"] == 5


@pytest.mark.parametrize("results", ["Results", "Elsewhere"])
def test_the_log_lies_beside_the_runs(place: Workplace, results: str) -> None:
    place.go()
    started = detach(place, results=results)
    assert Path(started["log"]).parent == Path(results, "p")
    until(lambda: not alive(started["pid"]), "the end of the process")
