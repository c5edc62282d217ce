"""How many runs execute at a time, on which devices, and that no two share a directory."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from helpers.workspace import Workspace


def test_two_slots_run_two_at_a_time_and_never_three(workspace: Workspace) -> None:
    file = workspace.experiment(seed=[0, 1, 2, 3], behaviour="overlap", cuda_devices="0,1")
    done = workspace.run("train", file)
    assert done.returncode == 0, done.stderr
    assert (workspace.path / "met").exists(), "two processes ran at the same time"
    assert not (workspace.path / "crowded").exists()


def test_max_parallel_one_runs_one_at_a_time(workspace: Workspace) -> None:
    file = workspace.experiment(seed=[0, 1, 2, 3], behaviour="exclusive", max_parallel=1)
    assert workspace.run("train", file).returncode == 0
    assert workspace.states() == ["done"] * 4


def test_one_device_runs_one_at_a_time(workspace: Workspace) -> None:
    file = workspace.experiment(seed=[0, 1, 2], behaviour="exclusive", cuda_devices=0)
    assert workspace.run("train", file).returncode == 0
    assert workspace.states() == ["done"] * 3


def test_each_process_sees_only_the_device_of_its_slot(workspace: Workspace) -> None:
    file = workspace.experiment(seed=[0, 1, 2, 3], behaviour="overlap", cuda_devices="0,1")
    workspace.run("train", file)
    given = {path.read_text() for path in (workspace.path / "seen").glob("*-*")}
    assert given == {"0", "1"}
    records = [run.read() for run in workspace.runs()]
    assert {record.device for record in records} == {"cuda:0", "cuda:1"}
    for record in records:
        assert record.environment["CUDA_VISIBLE_DEVICES"] == record.device.removeprefix("cuda:")


def test_the_cpu_hides_every_device_and_shares_the_cores(workspace: Workspace) -> None:
    workspace.run("train", workspace.experiment(cuda_devices="cpu"))
    (record,) = [run.read() for run in workspace.runs()]
    assert record.device == "cpu"
    assert record.environment["CUDA_VISIBLE_DEVICES"] == ""
    assert int(record.environment["OMP_NUM_THREADS"]) >= 1


def test_runs_that_differ_only_in_seed_or_batch_size_have_different_directories(
    workspace: Workspace,
) -> None:
    file = workspace.experiment(seed=[0, 1], batch_size=[8, 16], max_parallel=2)
    workspace.run("train", file)
    runs = workspace.runs()
    assert len({run.path for run in runs}) == 4
    assert len({run.path.parent for run in runs}) == 1
    assert {
        (values["seed"], values["batch_size"])
        for values in (run.read().config.hyperparameters for run in runs)
    } == {(seed, size) for seed in (0, 1) for size in (8, 16)}


def test_a_run_directory_has_purpose_model_task_method_data_rate_and_time(
    workspace: Workspace,
) -> None:
    workspace.run("train", workspace.experiment())
    (run,) = workspace.runs()
    inside = run.path.relative_to(workspace.path)
    assert str(inside.parent) == "Results/p/some-org/some-model/Copa_stub_original_1e-3"
    assert re.fullmatch(r"\d{8}_\d{6}", inside.name)
    assert sorted(path.name for path in run.path.iterdir()) == [
        "1e-3_train.err",
        "1e-3_train.out",
        "experiment_config.yaml",
        "run.json",
        "run.lock",
    ]


def test_a_model_name_with_a_slash_is_listed_in_full(workspace: Workspace) -> None:
    workspace.run("train", workspace.experiment())
    listed = workspace.run("results", "--format", "json")
    (row,) = json.loads(listed.stdout)["runs"]
    assert (row["model"], row["state"], row["score"]) == ("some-org/some-model", "done", 0.75)


def test_two_concurrent_grids_execute_each_cell_once(workspace: Workspace) -> None:
    file = workspace.experiment(seed=list(range(12)), max_parallel=2)
    both = [workspace.start("train", file, "--quiet") for _ in range(2)]
    for process in both:
        process.communicate()
    assert [process.returncode for process in both] == [0, 0]
    assert {seed: len(pids) for seed, pids in workspace.seen().items()} == dict.fromkeys(
        range(12), 1
    )
    assert workspace.states() == ["done"] * 12


def test_a_failure_in_one_grid_is_not_retried_by_a_concurrent_one(
    workspace: Workspace,
) -> None:
    file = workspace.experiment(
        seed=list(range(6)), behaviour="wait_and_fail", continue_on_error=True
    )
    both = [workspace.start("train", file) for _ in range(2)]
    for process in both:
        assert process.stderr is not None
        assert "6 runs, " in process.stderr.readline()  # it is planned
    workspace.go()
    for process in both:
        process.communicate()
    assert [process.returncode for process in both] == [3, 3]
    assert workspace.states() == ["failed"] * 6


@pytest.mark.parametrize("stands_in_the_way", ["Results", "Results/p"])
def test_unwritable_results_are_an_error_that_names_them(
    workspace: Workspace, stands_in_the_way: str
) -> None:
    path = workspace.path / stands_in_the_way
    path.parent.mkdir(exist_ok=True)
    path.write_text("a file, not a directory")
    failed = workspace.run("train", workspace.experiment())
    assert failed.returncode == 2
    assert "cannot be written" in failed.stderr
    assert "Results/p" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert workspace.pids() == []


def test_results_may_be_in_another_directory(workspace: Workspace, tmp_path: Path) -> None:
    workspace.run("train", workspace.experiment(), f"results={tmp_path / 'Elsewhere'}")
    assert not (workspace.path / "Results").exists()
    assert len(list((tmp_path / "Elsewhere/p").rglob("run.json"))) == 1
