"""A run is told by its resolved configuration and its data: what is missing is done, no more."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.grids import plan
from helpers.workplace import Workplace, append, copa_row, write_copa
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
def model(place: Workplace) -> Path:
    """A model's directory; its bytes are all that a plan looks at."""
    path = place.path / "models/tiny"
    path.mkdir(parents=True)
    (path / "config.json").write_text("{}")
    (path / "model.safetensors").write_bytes(b"weights")
    return path


def identity(*overrides: str, **keys: str) -> str:
    """Return the identity of the only run."""
    (run,) = plan(*overrides, **{"model": "models/tiny", **keys}).runs
    return run.identity


def test_an_identity_is_the_same_each_time_and_short() -> None:
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
def test_what_changes_no_number_changes_no_identity(change: Callable[[], object]) -> None:
    before = identity()
    change()
    assert identity() == before


def test_the_same_data_and_model_in_another_place_are_the_same_run() -> None:
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
    ids=["a row more", "a validation row more", "a word", "a weight", "a tokenizer"],
)
def test_what_changes_the_data_or_the_model_is_another_run(change: Callable[[], object]) -> None:
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
def test_every_value_that_decides_a_number_is_part_of_the_identity(override: str) -> None:
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
def test_what_files_a_run_or_only_says_a_default_is_no_part_of_it(override: str) -> None:
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
        assert (again.identity, again.config, again.parent) == (run.identity, run.config, run.parent)


def test_the_same_file_does_only_what_is_missing_or_failed(place: Workplace) -> None:
    behaviours = ["done", "fail_until_mended"]
    file = place.experiment(seed=[0, 1], behaviour=behaviours, continue_on_error=True)
    assert place.run("train", file).returncode == 3
    assert sorted(place.states()) == ["done", "done", "failed", "failed"]
    (place.path / "mended").touch()
    assert place.run("train", file).returncode == 0
    assert sorted(place.states()) == ["done"] * 4 + ["failed"] * 2
    assert len(place.pids()) == 6
    assert place.run("train", file).returncode == 0
    assert len(place.pids()) == 6, "nothing was left to do"


def test_a_wider_grid_does_only_the_new_cells(place: Workplace) -> None:
    place.run("train", place.experiment(seed=[0, 1]))
    place.run("train", place.experiment(seed=[0, 1, 2]))
    assert {seed: len(pids) for seed, pids in place.seen().items()} == {0: 1, 1: 1, 2: 1}


def test_changed_data_is_trained_again_and_the_old_result_is_kept(place: Workplace) -> None:
    file = place.experiment()
    place.run("train", file)
    append(TRAIN, json.dumps(copa_row(999)) + "\n")
    place.run("train", file)
    assert place.states() == ["done", "done"]
    first, second = place.runs()
    assert first.read().datasets[0].manifest != second.read().datasets[0].manifest


def test_another_purpose_has_runs_of_its_own(place: Workplace) -> None:
    file = place.experiment()
    place.run("train", file)
    place.run("train", file, "experiment.purpose=q")
    assert len(place.pids()) == 2


def test_two_thousand_results_are_found_again_and_two_thousand_runs_are_planned() -> None:
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
