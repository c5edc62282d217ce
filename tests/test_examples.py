"""Every example runs as it stands, on small data and a tiny model in place of the named ones."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from penstock import load_experiment, train

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.yaml"))
RUNS = {"all_tasks": 6, "copa_zo": 4, "lora_ranks": 10, "three_methods": 54}


@pytest.fixture
def data_tree(shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the trees that the examples name."""
    tasks = shared_data / "tasks"
    shutil.copytree(tasks / "original", tmp_path / "Data/original")
    shutil.copytree(
        tasks / "backup/rejection_sampling/0_data/Copa",
        tmp_path / "Data/rejection_sampling/0_data/Copa",
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_resolves_into_the_runs_that_its_lists_say(
    example: Path, data_tree: Path
) -> None:
    plan = load_experiment(example)
    assert len(plan.runs) == RUNS[example.stem]
    assert plan.notes == []


@pytest.mark.slow
def test_the_baseline_example_trains(data_tree: Path, tiny_model: Path) -> None:
    example = next(path for path in EXAMPLES if path.stem == "copa_zo")
    outcome = train(
        example,
        (f"model={tiny_model}", "cuda_devices=cpu", "hyperparameters.steps=2"),
    )
    assert [run.state for run in outcome.plan.runs] == ["done"] * 4
