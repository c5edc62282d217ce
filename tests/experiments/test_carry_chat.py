"""From pairs in a TSV file to a score of a chat model, and the way back."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

import penstock
from helpers.chat_entries import PLAIN
from helpers.workplace import append
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
        {"components": {"validation": 0.2, "test": 0.2}},
        {"chat": {"user": "Again: {source}", "assistant": "{target}", "directions": "both"}},
    ],
    "format": "chat",
    "output": "datasets/paraphrase",
}
#: The name of the variable is one under which secrets stand.
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
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with pairs."""
    path = tmp_path_factory.mktemp("place")
    pairs = [f"The lamp {n} was lit.\tThe light {n} was on.\t1\n" for n in range(40)]
    (path / "pairs.tsv").write_text("sentence1\tsentence2\tlabel\n" + "".join(pairs))
    return path


@pytest.fixture(scope="module")
def trained(place: Path, tiny_model: Path) -> GridOutcome:
    """Two rates, trained on the dataset that was built."""
    (place / "recipe.yaml").write_text(yaml.safe_dump(RECIPE, sort_keys=False))
    (place / "e.yaml").write_text(yaml.safe_dump({**GRID, "model": str(tiny_model)}))
    before = Path.cwd()
    os.chdir(place)
    try:
        penstock.build("recipe.yaml")
        return penstock.train("e.yaml")
    finally:
        os.chdir(before)


def walked(place: Path, run: Path) -> dict[str, TraceNode]:
    return {Path(node.name).name: node for _, node in trace(place / run).walk()}


def test_the_lower_loss_is_the_better_one(place: Path, trained: GridOutcome) -> None:
    assert not trained.failed
    (best,) = compare(place / "Results").candidates
    scores = {
        run.config.hyperparameters["learning_rate"]: run.record.result.score
        for run in trained.plan.runs
        if run.record and run.record.result
    }
    assert scores[1e-3] < scores[1e-9]
    assert (best.learning_rate, best.score, best.metric) == (1e-3, scores[1e-3], "loss")
    assert (best.chance, best.p_value, best.above_chance) == (None, None, None)


def test_a_run_keeps_its_template_and_can_be_done_again(
    place: Path, trained: GridOutcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    run = trained.plan.runs[0]
    assert run.directory is not None
    assert run.directory.template_file.read_text() == TEMPLATE
    (again,) = penstock.load_experiment(run.directory.config_file).runs
    assert (again.identity, again.state) == (run.identity, "done")


def test_a_score_leads_back_to_the_pairs(place: Path, trained: GridOutcome) -> None:
    run = trained.plan.runs[0]
    assert run.directory is not None
    nodes = walked(place, run.directory.path)
    assert nodes["paraphrase"].kind == "dataset"
    assert nodes["pairs.tsv"].kind == "input"
    assert {node.state for node in nodes.values()} == {None, "same"}
    raw = place / "pairs.tsv"
    before = raw.read_bytes()
    append(raw, "One.\tMore.\t1\n")
    try:
        assert walked(place, run.directory.path)["pairs.tsv"].state == "changed"
    finally:
        raw.write_bytes(before)
