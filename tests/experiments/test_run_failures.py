"""A failed run keeps its log, its kind of failure and its command, and is executed again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from helpers.processes import alive, wait_for
from helpers.workspace import Workspace
from penstock.runs import Failure, RunRecord


def train_one(workspace: Workspace, behaviour: str, *overrides: str) -> RunRecord:
    """Train one run with a behaviour and return its record."""
    workspace.run("train", workspace.experiment(behaviour=behaviour), *overrides)
    (run,) = workspace.runs()
    return run.read()


@pytest.mark.parametrize(
    ("behaviour", "kind", "message", "status"),
    [
        ("fail", "error", "ended with status 1: it broke", 1),
        ("end_without_result", "error", "ended without a result: nothing on stderr", 0),
        ("not_finite", "nan", "loss is nan at step 3", 1),
        (
            "kill_itself",
            "killed",
            "killed by SIGKILL; the kernel does this when memory runs out",
            -9,
        ),
    ],
)
def test_a_failure_has_a_kind_a_message_and_a_status(
    workspace: Workspace, behaviour: str, kind: str, message: str, status: int
) -> None:
    record = train_one(workspace, behaviour)
    assert record.state == "failed"
    assert record.failure == Failure(kind=kind, message=message, status=status)
    assert record.result is None


def test_a_run_that_exceeds_the_timeout_fails(workspace: Workspace) -> None:
    record = train_one(workspace, "wait", "timeout=0.5")
    assert record.state == "failed"
    assert record.failure == Failure(
        kind="time-out", message="exceeded the timeout of 0.5 seconds", status=-15
    )


def test_children_of_a_run_end_at_its_timeout(workspace: Workspace) -> None:
    train_one(workspace, "wait_with_a_child", "timeout=0.5")
    child = int((workspace.path / "seen/child").read_text())
    assert not alive(child)


def test_a_missing_trainer_fails_the_run(workspace: Workspace) -> None:
    done = workspace.run("train", workspace.experiment(), "trainer=absent")
    assert done.returncode == 3
    (run,) = workspace.runs()
    failure = run.read().failure
    assert failure is not None
    assert failure.message.startswith("cannot be started: No such file or directory")


def test_a_failed_run_keeps_its_log_and_its_command(workspace: Workspace) -> None:
    train_one(workspace, "fail")
    (run,) = workspace.runs()
    record = run.read()
    assert run.log_file(record.config, "err").read_text() == "the first word\nit broke\n"
    assert record.command[-1] == str(run.path.relative_to(workspace.path))
    assert "stub_process.py" in " ".join(record.command)


def test_a_failed_grid_ends_with_3_and_names_each_log(workspace: Workspace) -> None:
    file = workspace.experiment(behaviour=["done", "fail", "kill_itself"], continue_on_error=True)
    failed = workspace.run("train", file)
    assert failed.returncode == 3
    assert failed.stderr.count("error: ended with status 1: it broke") == 1
    assert failed.stderr.count("killed: killed by SIGKILL") == 1
    logs = [line.partition(", see ")[2] for line in failed.stdout.splitlines() if ", see " in line]
    assert len(logs) == 2
    assert all((workspace.path / log).is_file() for log in logs)
    assert failed.stdout.splitlines()[-1] == "1 done, 2 failed"


def test_continue_on_error_starts_the_other_runs(workspace: Workspace) -> None:
    file = workspace.experiment(
        seed=[0, 1, 2], behaviour=["fail", "done"], continue_on_error=True, max_parallel=1
    )
    assert workspace.run("train", file).returncode == 3
    assert sorted(workspace.states()) == ["done"] * 3 + ["failed"] * 3


def test_without_continue_on_error_no_run_starts_after_a_failure(workspace: Workspace) -> None:
    file = workspace.experiment(behaviour=["fail", "done"], seed=[0, 1], max_parallel=1)
    failed = workspace.run("train", file)
    assert failed.returncode == 3
    assert workspace.states() == ["failed"]
    assert (
        "3 runs not started after a failure; set continue_on_error: true to run the rest"
        in failed.stdout
    )
    assert failed.stdout.splitlines()[-1] == "1 failed, 3 missing"


def test_a_run_beside_a_failure_continues_to_its_end(workspace: Workspace) -> None:
    file = workspace.experiment(behaviour=["wait", "fail", "done"], max_parallel=2)
    grid = workspace.start("train", file)
    wait_for(lambda: "failed" in workspace.states(), "the failure")
    workspace.go()
    grid.communicate()
    assert grid.returncode == 3
    assert sorted(workspace.states()) == ["done", "failed"]


def test_only_failed_runs_are_executed_again(workspace: Workspace) -> None:
    file = workspace.experiment(
        behaviour=["done", "fail_until_fixed"], seed=[0, 1], continue_on_error=True
    )
    workspace.run("train", file)
    (workspace.path / "fixed").touch()
    fixed = workspace.run("train", file, "--format", "json")
    assert fixed.returncode == 0
    assert json.loads(fixed.stdout)["counts"] == {"done": 4}
    assert {seed: len(pids) for seed, pids in workspace.seen().items()} == {0: 3, 1: 3}
    failed = [run for run in workspace.runs() if run.read().state == "failed"]
    assert len(failed) == 2, "failed attempts are kept"


def test_a_missing_device_fails_the_run_with_a_clear_message(
    workspace: Workspace, tiny_model: Path
) -> None:
    file = workspace.experiment(model=str(tiny_model), cuda_devices="0")
    text = file.read_text().replace("trainer: stub\n", "").replace("method: stub", "method: zo")
    file.write_text(text.replace("model: some-org/some-model\n", ""))
    failed = workspace.run("train", file, environment={"CUDA_VISIBLE_DEVICES": ""})
    assert failed.returncode == 3
    (run,) = workspace.runs()
    failure = run.read().failure
    assert failure is not None
    assert failure.kind == "error"
    assert "was given cuda:0" in failure.message
    assert "cuda_devices: cpu" in failure.message
