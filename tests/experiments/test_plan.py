"""A run is identified by its resolved configuration and data; only missing runs are executed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.grids import plan
from helpers.workspace import Workspace, append, copa_row, write_copa
from penstock import load_experiment
from penstock.experiments import PlannedRun, experiment_yaml
from penstock.runs import RunDirectory, RunRecord, State

TRAIN = Path("data/original/Copa/copa_train.jsonl")
VALIDATION = Path("data/original/Copa/copa_validation.jsonl")
GRID_OF_2000 = (
    "{learning_rate: [1e-6, 1e-5, 1e-4, 1e-3, 1e-2], dev_samples: 20, "
    f"seed: {list(range(100))}, batch_size: [8, 16]}}"
)


@pytest.fixture(autouse=True)
def model(workspace: Workspace) -> Path:
    """A model's directory; a plan only hashes its files."""
    path = workspace.path / "models/tiny"
    path.mkdir(parents=True)
    (path / "config.json").write_text("{}")
    (path / "model.safetensors").write_bytes(b"weights")
    return path


def identity(*overrides: str, **keys: str) -> str:
    """Return the identity of the only run."""
    (run,) = plan(*overrides, **{"model": "models/tiny", **keys}).runs
    return run.identity


def test_an_identity_is_reproducible_and_short() -> None:
    assert identity() == identity()
    assert len(identity()) == 16


@pytest.mark.parametrize(
    "change",
    [
        lambda: os.utime(TRAIN, (1, 1)),
        lambda: write_copa(Path("data/elsewhere/Copa")),
        lambda: Path("data/original/Copa/notes.txt").write_text("not of the dataset"),
        lambda: os.utime("models/tiny/model.safetensors", (1, 1)),
        lambda: Path("models/tiny/README.md").write_text("not of the model"),
    ],
    ids=["touched data", "data elsewhere", "a file beside", "touched model", "a README"],
)
def test_irrelevant_changes_keep_the_identity(change: Callable[[], object]) -> None:
    before = identity()
    change()
    assert identity() == before


def test_the_same_data_and_model_under_other_paths_are_the_same_run() -> None:
    before = identity()
    write_copa(Path("elsewhere/Copa"))
    os.rename("models/tiny", "models/renamed")  # noqa: PTH104 - two paths, one line
    assert identity(data="{path: elsewhere/Copa}", model="models/renamed") == before


@pytest.mark.parametrize(
    "change",
    [
        lambda: append(TRAIN, json.dumps(copa_row(999)) + "\n"),
        lambda: append(VALIDATION, json.dumps(copa_row(999)) + "\n"),
        lambda: TRAIN.write_text(TRAIN.read_text().replace("lamp number 7 ", "lamp number 77 ")),
        lambda: Path("models/tiny/model.safetensors").write_bytes(b"Weights"),
        lambda: Path("models/tiny/tokenizer.json").write_text("{}"),
    ],
    ids=["another row", "another validation row", "a word", "a weight", "a tokenizer"],
)
def test_changed_data_or_model_makes_another_run(change: Callable[[], object]) -> None:
    before = identity()
    change()
    assert identity() != before


@pytest.mark.parametrize(
    "override",
    [
        "hyperparameters.learning_rate=2e-6",
        "hyperparameters.batch_size=8",
        "hyperparameters.steps=5",
        "hyperparameters.seed=1",
        "hyperparameters.zo_eps=1e-2",
        "method=fo_full",
    ],
)
def test_every_value_that_affects_results_is_part_of_the_identity(override: str) -> None:
    assert identity(override) != identity()


@pytest.mark.parametrize(
    "override",
    [
        "experiment.description=other words",
        "experiment.purpose=q",
        "data.name=other",
        "results=Elsewhere",
        "max_parallel=1",
        "continue_on_error=true",
        "hyperparameters.steps=20000",
        "hyperparameters.dev_samples=100",
    ],
)
def test_names_and_explicit_defaults_are_not_part_of_the_identity(override: str) -> None:
    assert identity(override) == identity()


def test_rank_and_alpha_are_part_of_the_identity_of_a_lora_run() -> None:
    names = ("lora_rank=4", "lora_alpha=4", "lora_dropout=0.5", "lora_targets=q_proj")
    changed = [identity(f"hyperparameters.{name}", method="fo_lora") for name in names]
    assert len({identity(method="fo_lora"), *changed}) == 5


def test_the_file_of_one_run_resolves_to_that_run() -> None:
    grid = plan(
        model="models/tiny",
        method="[zo, fo_lora]",
        hyperparameters="{learning_rate: [1e-6, 0.1], seed: [0, 1], steps: 5}",
    )
    for run in grid.runs:
        Path("one.yaml").write_text(experiment_yaml(run.config, RunDirectory(run.parent)))
        (again,) = load_experiment("one.yaml").runs
        assert (again.identity, again.config, again.parent) == (
            run.identity,
            run.config,
            run.parent,
        )


def test_the_same_file_executes_only_missing_and_failed_runs(workspace: Workspace) -> None:
    behaviours = ["done", "fail_until_fixed"]
    file = workspace.experiment(seed=[0, 1], behaviour=behaviours, continue_on_error=True)
    assert workspace.run("train", file).returncode == 3
    assert sorted(workspace.states()) == ["done", "done", "failed", "failed"]
    (workspace.path / "fixed").touch()
    assert workspace.run("train", file).returncode == 0
    assert sorted(workspace.states()) == ["done"] * 4 + ["failed"] * 2
    assert len(workspace.pids()) == 6
    assert workspace.run("train", file).returncode == 0
    assert len(workspace.pids()) == 6, "nothing was left to do"


def test_a_larger_grid_executes_only_the_new_cells(workspace: Workspace) -> None:
    workspace.run("train", workspace.experiment(seed=[0, 1]))
    workspace.run("train", workspace.experiment(seed=[0, 1, 2]))
    assert {seed: len(pids) for seed, pids in workspace.seen().items()} == {0: 1, 1: 1, 2: 1}


def test_changed_data_is_trained_again_and_the_old_result_is_kept(workspace: Workspace) -> None:
    file = workspace.experiment()
    workspace.run("train", file)
    append(TRAIN, json.dumps(copa_row(999)) + "\n")
    workspace.run("train", file)
    assert workspace.states() == ["done", "done"]
    first, second = workspace.runs()
    assert first.read().datasets[0].manifest != second.read().datasets[0].manifest


def test_another_purpose_has_its_own_runs(workspace: Workspace) -> None:
    file = workspace.experiment()
    workspace.run("train", file)
    workspace.run("train", file, "experiment.purpose=q")
    assert len(workspace.pids()) == 2


def test_two_thousand_results_are_found_again() -> None:
    keys = {"method": "[zo, fo_full]", "hyperparameters": GRID_OF_2000}
    grid = plan(**keys)
    assert len(grid.runs) == 2000
    for run in grid.runs[:-1]:
        directory = RunDirectory.create(grid.root, run.config)
        directory.record_file.write_text(record_of(run).model_dump_json())
    again = plan(**keys)
    assert again.counts() == {"done": 1999, "missing": 1}
    assert again.to_do == again.runs[-1:]
    assert len({str(run.directory.path) for run in again.runs if run.directory}) == 1999


def test_a_run_that_penstock_0_1_0_finished_is_not_executed_again() -> None:
    grid = plan()
    (run,) = grid.runs
    record = record_of(run).model_dump(mode="json")
    assert record["config"].pop("trainer") == "penstock"
    record["config"]["backend"] = "builtin"
    RunDirectory.create(grid.root, run.config).record_file.write_text(json.dumps(record))
    again = plan()
    assert (again.counts(), again.to_do) == ({"done": 1}, [])
    assert again.runs[0].record is not None
    assert again.runs[0].record.config.trainer == "penstock"


def record_of(run: PlannedRun) -> RunRecord:
    """Return the record of a run that is done."""
    return RunRecord(
        identity=run.identity,
        state=State.DONE,
        config=run.config,
        command=["true"],
        device="cpu",
        host="here",
        pid=1,
        started="2026-01-01T00:00:00+00:00",
        model=run.model,
        datasets=run.datasets,
    )
