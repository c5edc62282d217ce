"""A failed run keeps its log, its class and its command, and is the only one to be done again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from helpers.workplace import Workplace, alive, until
from penstock.runs import Failure, RunRecord


def carried(place: Workplace, behaviour: str, *overrides: str) -> RunRecord:
    """Return the record of one run that behaves so."""
    place.run("train", place.experiment(behaviour=behaviour), *overrides)
    (run,) = place.runs()
    return run.read()


@pytest.mark.parametrize(
    ("behaviour", "kind", "message", "status"),
    [
        ("fail", "error", "ended with status 1: it broke", 1),
        ("say_nothing", "error", "ended without a result: it said nothing", 0),
        ("not_finite", "nan", "loss is nan at step 3", 1),
        (
            "kill_itself",
            "killed",
            "ended by SIGKILL; the kernel does this when memory runs out",
            -9,
        ),
    ],
)
def test_a_failure_has_its_class_its_words_and_its_status(
    place: Workplace, behaviour: str, kind: str, message: str, status: int
) -> None:
    record = carried(place, behaviour)
    assert record.state == "failed"
    assert record.failure == Failure(kind=kind, message=message, status=status)
    assert record.result is None


def test_a_run_that_takes_too_long_is_ended_and_says_so(place: Workplace) -> None:
    record = carried(place, "wait", "timeout=0.5")
    assert record.state == "failed"
    assert record.failure == Failure(kind="time-out", message="took over 0.5 seconds", status=-15)


def test_what_a_late_run_has_started_ends_with_it(place: Workplace) -> None:
    carried(place, "wait_with_a_child", "timeout=0.5")
    child = int((place.path / "seen/child").read_text())
    assert not alive(child)


def test_a_trainer_that_is_not_there_is_a_failed_run(place: Workplace) -> None:
    done = place.run("train", place.experiment(), "trainer=absent")
    assert done.returncode == 3
    (run,) = place.runs()
    failure = run.read().failure
    assert failure is not None
    assert failure.message.startswith("cannot be started: No such file or directory")


def test_a_failed_run_keeps_its_log_and_its_command(place: Workplace) -> None:
    carried(place, "fail")
    (run,) = place.runs()
    record = run.read()
    assert run.log_file(record.config, "err").read_text() == "the first word\nit broke\n"
    assert record.command[-1] == str(run.path.relative_to(place.path))
    assert "stub_process.py" in " ".join(record.command)


def test_a_failed_grid_ends_with_3_and_names_each_log(place: Workplace) -> None:
    file = place.experiment(behaviour=["done", "fail", "kill_itself"], continue_on_error=True)
    failed = place.run("train", file)
    assert failed.returncode == 3
    assert failed.stderr.count("error: ended with status 1: it broke") == 1
    assert failed.stderr.count("killed: ended by SIGKILL") == 1
    logs = [line.partition(", see ")[2] for line in failed.stdout.splitlines() if ", see " in line]
    assert len(logs) == 2
    assert all((place.path / log).is_file() for log in logs)
    assert failed.stdout.splitlines()[-1] == "1 done, 2 failed"


def test_others_go_on_when_told_to(place: Workplace) -> None:
    file = place.experiment(
        seed=[0, 1, 2], behaviour=["fail", "done"], continue_on_error=True, max_parallel=1
    )
    assert place.run("train", file).returncode == 3
    assert sorted(place.states()) == ["done"] * 3 + ["failed"] * 3


def test_nothing_new_starts_after_a_failure_when_not_told_to_go_on(place: Workplace) -> None:
    file = place.experiment(behaviour=["fail", "done"], seed=[0, 1], max_parallel=1)
    failed = place.run("train", file)
    assert failed.returncode == 3
    assert place.states() == ["failed"]
    assert "3 runs not started after a failure; set continue_on_error: true to run the rest" in failed.stdout
    assert failed.stdout.splitlines()[-1] == "1 failed, 3 missing"


def test_what_runs_beside_a_failure_goes_on_to_its_end(place: Workplace) -> None:
    file = place.experiment(behaviour=["wait", "fail", "done"], max_parallel=2)
    grid = place.start("train", file)
    until(lambda: "failed" in place.states(), "the failure")
    place.go()
    grid.communicate()
    assert grid.returncode == 3
    assert sorted(place.states()) == ["done", "failed"]


def test_a_failed_run_is_the_only_one_that_is_done_again(place: Workplace) -> None:
    file = place.experiment(
        behaviour=["done", "fail_until_mended"], seed=[0, 1], continue_on_error=True
    )
    place.run("train", file)
    (place.path / "mended").touch()
    mended = place.run("train", file, "--format", "json")
    assert mended.returncode == 0
    assert json.loads(mended.stdout)["counts"] == {"done": 4}
    assert {seed: len(pids) for seed, pids in place.seen().items()} == {0: 3, 1: 3}
    failed = [run for run in place.runs() if run.read().state == "failed"]
    assert len(failed) == 2, "what failed is kept beside what was done"


def test_devices_that_are_not_there_fail_the_run_with_a_clear_word(
    place: Workplace, tiny_model: Path
) -> None:
    file = place.experiment(model=str(tiny_model), cuda_devices="0")
    text = file.read_text().replace("trainer: stub\n", "").replace("method: stub", "method: zo")
    file.write_text(text.replace("model: some-org/some-model\n", ""))
    failed = place.run("train", file, environment={"CUDA_VISIBLE_DEVICES": ""})
    assert failed.returncode == 3
    (run,) = place.runs()
    failure = run.read().failure
    assert failure is not None
    assert failure.kind == "error"
    assert "was given cuda:0" in failure.message
    assert "cuda_devices: cpu" in failure.message
