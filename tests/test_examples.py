"""Every example runs unchanged: experiments with a tiny model, recipes on real data."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from helpers.chat_entries import numbers, write_chat
from helpers.chat_worlds import write_chat_inputs
from penstock import build, check, load_experiment, train

ALL = sorted((Path(__file__).parents[1] / "examples").glob("*.yaml"))
EXAMPLES = [path for path in ALL if "\nexperiment:" in path.read_text(encoding="utf-8")]
RECIPES = [path for path in ALL if path not in EXAMPLES]
RUNS = {
    "all_tasks": 6,
    "chat_lora": 4,
    "copa_zo": 4,
    "llamafactory_paraphrase": 2,
    "lora_ranks": 10,
    "three_methods": 54,
}


@pytest.fixture
def data_tree(shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the data that the examples use."""
    tasks = shared_data / "tasks"
    shutil.copytree(tasks / "original", tmp_path / "Data/original")
    shutil.copytree(
        tasks / "backup/rejection_sampling/0_data/Copa",
        tmp_path / "Data/rejection_sampling/0_data/Copa",
    )
    write_chat(tmp_path / "datasets/paraphrase", x_train=numbers(9), x_eval=numbers(3, 20))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_resolves_to_the_expected_runs(example: Path, data_tree: Path) -> None:
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


@pytest.mark.slow
@pytest.mark.parametrize("example", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_builds_a_dataset_that_passes_its_check(
    example: Path, shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("cohorts", "pairs", "text", "tokenizers"):
        (tmp_path / name).symlink_to(shared_data / name)
    write_chat_inputs(tmp_path)
    monkeypatch.chdir(tmp_path)
    built = build(example)
    report = check(built.path, full=True)
    assert report.ok, report.to_dict()
