"""From pairs in a TSV file to the score of a chat model, and back."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

import penstock
from helpers.chat_entries import PLAIN
from helpers.workspace import append
from penstock.experiments import GridOutcome
from penstock.report import TraceNode, compare, trace

pytestmark = pytest.mark.slow

RECIPE = {
    "name": "paraphrase",
    "source": {
        "kind": "tsv",
        "path": "pairs.tsv",
        "text": None,
        "metadata": {"source": "sentence1", "target": "sentence2", "label": "label"},
    },
    "steps": [
        {"pairs": {"label": "label"}},
        {"chat": {"user": "Again: {source}", "assistant": "{target}", "directions": "both"}},
        {"components": {"validation": 0.2, "test": 0.2}},
    ],
    "format": "chat",
    "output": "datasets/paraphrase",
}
#: The name of the variable looks like that of a secret.
TEMPLATE = "{% set user_token = 'QUESTION: ' %}{{ user_token }}" + PLAIN
GRID = {
    "experiment": {"purpose": "paraphrase"},
    "task": "chat",
    "method": "fo_full",
    "data": {"path": "datasets/paraphrase"},
    "hyperparameters": {
        "learning_rate": [1e-3, 1e-9],
        "steps": 8,
        "batch_size": 8,
        "max_length": 128,
        "packing": True,
        "chat_template": TEMPLATE,
    },
    "cuda_devices": "cpu",
}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a file of pairs."""
    path = tmp_path_factory.mktemp("workspace")
    pairs = [f"The lamp {n} was lit.\tThe light {n} was on.\t1\n" for n in range(40)]
    (path / "pairs.tsv").write_text("sentence1\tsentence2\tlabel\n" + "".join(pairs))
    return path


@pytest.fixture(scope="module")
def trained(workspace: Path, tiny_model: Path) -> GridOutcome:
    """A grid of two rates, trained on the built dataset."""
    (workspace / "recipe.yaml").write_text(yaml.safe_dump(RECIPE, sort_keys=False))
    (workspace / "e.yaml").write_text(yaml.safe_dump({**GRID, "model": str(tiny_model)}))
    before = Path.cwd()
    os.chdir(workspace)
    try:
        penstock.build("recipe.yaml")
        return penstock.train("e.yaml")
    finally:
        os.chdir(before)


def walked(workspace: Path, run: Path) -> dict[str, TraceNode]:
    return {Path(node.name).name: node for _, node in trace(workspace / run).walk()}


def test_a_lower_loss_ranks_higher(workspace: Path, trained: GridOutcome) -> None:
    assert not trained.failed
    (best,) = compare(workspace / "Results").candidates
    scores = {
        run.config.hyperparameters["learning_rate"]: run.record.result.score
        for run in trained.plan.runs
        if run.record and run.record.result
    }
    assert scores[1e-3] < scores[1e-9]
    assert (best.learning_rate, best.score, best.metric) == (1e-3, scores[1e-3], "loss")
    assert (best.chance, best.p_value, best.above_chance) == (None, None, None)


def test_a_run_keeps_its_template_and_can_be_repeated(
    workspace: Path, trained: GridOutcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(workspace)
    run = trained.plan.runs[0]
    assert run.directory is not None
    assert run.directory.template_file.read_text() == TEMPLATE
    (again,) = penstock.load_experiment(run.directory.config_file).runs
    assert (again.identity, again.state) == (run.identity, "done")


def test_a_score_is_traced_back_to_the_pairs(workspace: Path, trained: GridOutcome) -> None:
    run = trained.plan.runs[0]
    assert run.directory is not None
    nodes = walked(workspace, run.directory.path)
    assert nodes["paraphrase"].kind == "dataset"
    assert nodes["pairs.tsv"].kind == "input"
    assert {node.state for node in nodes.values()} == {None, "same"}
    raw = workspace / "pairs.tsv"
    before = raw.read_bytes()
    append(raw, "One.\tMore.\t1\n")
    try:
        assert walked(workspace, run.directory.path)["pairs.tsv"].state == "changed"
    finally:
        raw.write_bytes(before)
