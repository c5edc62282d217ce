"""Grids of penstock's own trainer with a tiny model: files, records, and ends of runs."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path

import orjson
import pytest

import penstock
from helpers.processes import alive, end, wait_for
from helpers.workspace import Workspace
from penstock.experiments import GridOutcome, GridPlan, PlannedRun
from penstock.runs import RunDirectory, RunRecord, RunResult

pytestmark = pytest.mark.slow

GRID = """\
experiment:
  purpose: baseline_comparison
  description: three methods
model: {model}
task: Copa
method:
  zo: {{learning_rate: 1e-6}}
  fo_full: {{learning_rate: [1e-3, 1e30]}}
  fo_lora: {{learning_rate: 1e-2, lora_rank: 2, lora_alpha: 12}}
data:
  path: data/original/Copa
hyperparameters: {{steps: 3, batch_size: 4, eval_steps: 2, logging_steps: 1, seed: 7}}
cuda_devices: cpu
continue_on_error: true
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> GridOutcome:
    """A grid trained from Python in a git repository; one of its runs diverges."""
    workspace = Workspace(tmp_path_factory.mktemp("trained"))
    for arguments in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "start"]):
        who = ["-c", "user.name=me", "-c", "user.email=me@example.org"]
        subprocess.run(["git", *who, *arguments], cwd=workspace.path, check=True)
    (workspace.path / "e.yaml").write_text(GRID.format(model=tiny_model))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(workspace.path)
        outcome = penstock.train("e.yaml")
        outcome.plan.refresh()
        for run in outcome.plan.runs:
            assert run.directory is not None
            run.directory = RunDirectory(run.directory.path.resolve())
    return outcome


def run_of(trained: GridOutcome, method: str) -> tuple[PlannedRun, RunDirectory, RunRecord]:
    """Return the first run of a method, its directory and its record."""
    run = next(run for run in trained.plan.runs if run.config.method == method)
    assert run.directory is not None
    return run, run.directory, run.directory.read()


def test_training_from_python_gives_every_run_with_its_typed_result(trained: GridOutcome) -> None:
    assert [run.config.method for run in trained.executed].count("fo_full") == 2
    assert [run.state for run in trained.plan.runs] == ["done", "done", "failed", "done"]
    assert [run.config.hyperparameters["learning_rate"] for run in trained.failed] == [1e30]
    for run in trained.plan.runs:
        if run.state == "done":
            assert run.record is not None
            assert isinstance(run.record.result, RunResult)
            assert 0 <= run.record.result.score <= 1
            assert run.record.result.train_rows == 40
            assert run.record.result.dev_rows == 100
            assert run.record.result.evaluation_rows == 10


def test_a_nan_loss_has_its_own_kind_of_failure(trained: GridOutcome) -> None:
    (failed,) = trained.failed
    assert failed.record is not None
    assert failed.record.failure is not None
    assert failed.record.failure.kind == "nan"
    assert "lower the learning rate" in failed.record.failure.message


@pytest.mark.parametrize(
    ("method", "rate"), [("zo", "1e-6"), ("fo_full", "1e-3"), ("fo_lora", "0.01")]
)
def test_the_directory_and_its_files_are_named_as_by_the_old_automation(
    trained: GridOutcome, method: str, rate: str, tiny_model: Path
) -> None:
    _, directory, _ = run_of(trained, method)
    above = directory.path.parts[-5:-1]
    assert above == (
        "Results",
        "baseline_comparison",
        tiny_model.name,
        f"Copa_{method}_original_{rate}",
    )
    names = {path.name for path in directory.path.iterdir()}
    assert {
        "experiment_config.yaml",
        f"{rate}_train.out",
        f"{rate}_train.err",
        "metrics.jsonl",
        "run.json",
    } <= names


def test_the_log_names_the_loaded_files(trained: GridOutcome) -> None:
    run, directory, _ = run_of(trained, "zo")
    log = directory.log_file(run.config, "out").read_text()
    data = run.config.data.path
    assert f"Loading Copa dataset from local JSONL files at: {data}\n" in log
    assert f"Loaded 140 samples from {data}/copa_train.jsonl\n" in log
    assert f"Loaded 10 samples from {data}/copa_validation.jsonl\n" in log


def test_the_record_holds_configuration_environment_code_data_and_result(
    trained: GridOutcome, tiny_model: Path
) -> None:
    run, _, record = run_of(trained, "fo_lora")
    assert record.config == run.config
    assert record.config.hyperparameters["batch_size"] == 4
    assert record.environment["torch"]
    assert record.environment["python"]
    assert record.git is not None
    assert len(record.git["commit"]) == 40
    assert record.model.name == str(tiny_model)
    assert record.model.sha256 is not None
    (use,) = record.datasets
    assert {file.path for file in use.manifest.files} == {
        "copa_train.jsonl",
        "copa_validation.jsonl",
    }
    assert record.command[1:3] == ["-m", "penstock.training"]
    assert record.result is not None


def test_the_metrics_have_a_line_per_logged_step_and_per_dev_evaluation(
    trained: GridOutcome,
) -> None:
    _, directory, _ = run_of(trained, "fo_full")
    metrics = directory.metrics()
    assert [line["step"] for line in metrics if "loss" in line] == [1, 2, 3]
    assert [line["step"] for line in metrics if "dev_score" in line] == [0, 2, 3]


def test_the_configured_rank_and_alpha_are_trained(
    trained: GridOutcome,
) -> None:
    _, directory, _ = run_of(trained, "fo_lora")
    adapter = orjson.loads((directory.path / "adapter/adapter_config.json").read_bytes())
    assert (adapter["r"], adapter["lora_alpha"]) == (2, 12)


def test_the_experiment_file_of_a_run_resolves_to_that_run(
    trained: GridOutcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, directory, _ = run_of(trained, "zo")
    monkeypatch.chdir(directory.path.parents[4])
    plan = penstock.load_experiment(directory.config_file)
    assert isinstance(plan, GridPlan)
    (again,) = plan.runs
    assert (again.identity, again.state) == (run.identity, "done")


def test_results_and_comparison_read_the_trained_runs(
    trained: GridOutcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, directory, _ = run_of(trained, "zo")
    monkeypatch.chdir(directory.path.parents[4])
    assert sorted(row.record.state for row in penstock.results()) == ["done"] * 3 + ["failed"]
    assert len(penstock.compare(purpose="baseline_comparison").candidates) == 3


def long_run(
    workspace: Workspace, tiny_model: Path
) -> tuple[subprocess.Popen[str], RunDirectory, int]:
    """Start a grid of one long run; return it when the run has made steps."""
    (workspace.path / "e.yaml").write_text(GRID.format(model=tiny_model))
    values = ("learning_rate=1e-4", "steps=1000000")
    overrides = ["method=fo_full", *(f"hyperparameters.{value}" for value in values)]
    grid = workspace.start("train", "e.yaml", *overrides)
    wait_for(lambda: workspace.runs() and workspace.runs()[0].metrics()[3:], "a few steps")
    (run,) = workspace.runs()
    (trainer,) = [pid for pid in processes() if str(run.path.name) in command_of(pid)]
    return grid, run, trainer


def processes() -> list[int]:
    """Return the ids of all processes."""
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]


def command_of(pid: int) -> str:
    """Return the command line of a process, or nothing if it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode()
    except OSError:
        return ""


def test_a_killed_grid_ends_its_trainer_and_is_shown_as_killed(
    workspace: Workspace, tiny_model: Path
) -> None:
    grid, run, trainer = long_run(workspace, tiny_model)
    end(grid, signal.SIGKILL)
    wait_for(lambda: not alive(trainer), "the end of the trainer")
    (row,) = json.loads(workspace.run("results", "--format", "json").stdout)["runs"]
    assert row["state"] == "failed"
    assert row["failure"] == "killed: the process that executed the run is gone"
    assert run.metrics(), "metrics are kept"
    plan = json.loads(
        workspace.run("train", run.config_file, "--dry-run", "--format", "json").stdout
    )
    assert plan["to_do"] == 1, "a killed run is not done"


def test_an_interrupted_trainer_ends_cleanly(workspace: Workspace, tiny_model: Path) -> None:
    grid, run, trainer = long_run(workspace, tiny_model)
    end(grid, signal.SIGINT)
    assert grid.returncode == 130
    assert not alive(trainer)
    record = run.read()
    assert (record.state, record.failure) == ("interrupted", None)
    assert "Traceback" not in run.log_file(record.config, "err").read_text()
