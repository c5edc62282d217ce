"""`trainer: llamafactory` in an experiment: the same grid, results and errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from helpers.llamafactory_world import chat_row, stub_environment, write_chat, write_rows
from penstock import compare, load_experiment, train
from penstock.config import dump_yaml
from penstock.errors import ConfigError, DataError


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with chat rows, and an environment of LLaMA-Factory."""
    monkeypatch.chdir(tmp_path)
    write_chat(tmp_path / "lamps")
    home = stub_environment(tmp_path / "environment")
    monkeypatch.setenv("LLAMAFACTORY_VENV", str(home))
    return home


def experiment(**keys: Any) -> Path:
    """Write an experiment file of two rates."""
    whole = {
        "experiment": {"purpose": "paraphrase"},
        "model": "meta-llama/Llama-3.2-3B-Instruct",
        "task": "chat",
        "trainer": "llamafactory",
        "method": "fo_lora",
        "data": {"path": "lamps"},
        "hyperparameters": {"learning_rate": [1e-4, 2e-4]},
        "cuda_devices": "cpu",
        "max_parallel": 1,
    }
    path = Path("paraphrase.yaml")
    path.write_text(dump_yaml(whole | keys))
    return path


def test_every_list_is_a_dimension_and_every_run_is_done(environment: Path) -> None:
    outcome = train(experiment())
    assert [run.state for run in outcome.plan.runs] == ["done", "done"]
    record = outcome.plan.runs[0].record
    assert record is not None
    assert record.datasets[0].manifest.content_hash.startswith("sha256:")
    settings = (outcome.plan.runs[0].directory.path / "llamafactory_train.yaml").read_text()  # type: ignore[union-attr]
    assert record.datasets[0].manifest.content_hash in settings
    assert load_experiment(experiment()).to_do == []


def test_a_lower_loss_ranks_higher(environment: Path) -> None:
    train(experiment())
    comparison = compare("Results")
    (best,) = comparison.candidates
    assert comparison.score_name == "loss"
    assert (best.learning_rate, best.settings) == (2e-4, 2), "of equal scores the lower rate wins"
    assert (best.dev_score, best.score) == (1.0, 1.5)


def test_an_entry_that_is_read_differently_is_refused_before_any_run(
    environment: Path,
) -> None:
    info = json.loads(Path("lamps/dataset_info.json").read_text())
    info["lamps_train"]["formatting"] = "openai"
    Path("lamps/dataset_info.json").write_text(json.dumps(info))
    with pytest.raises(ConfigError, match="'lamps_train' has formatting openai") as caught:
        load_experiment(experiment())
    assert caught.value.field == "data.train"


def test_data_that_changed_after_planning_fails_the_run(environment: Path) -> None:
    plan = load_experiment(experiment())
    write_rows(Path("lamps/lamps_train.jsonl"), [chat_row(number) for number in range(100, 104)])
    outcome = train(plan)
    failure = outcome.failed[0].record.failure  # type: ignore[union-attr]
    assert failure is not None
    assert "lamps_train.jsonl: has " in failure.message and "restore it" in failure.message
    directory = outcome.failed[0].directory
    assert directory is not None
    assert not (directory.path / "llamafactory_train.yaml").exists(), "nothing was started"


def test_evaluation_rows_in_the_training_data_are_refused(environment: Path) -> None:
    rows = [chat_row(number) for number in (3, 4, 500)]
    write_rows(Path("lamps/lamps_test.jsonl"), rows)
    with pytest.raises(DataError, match=r"lamps_test\.jsonl:1: 2 of 3 rows of test"):
        load_experiment(experiment())
    shared = {"path": "lamps", "train": "lamps_train,lamps_eval"}
    with pytest.raises(ConfigError, match=r"data\.train: 'lamps_eval', for validation, and 'lamps"):
        load_experiment(experiment(data=shared))


def test_without_the_trainer_nothing_is_started(
    environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLAMAFACTORY_VENV", "absent")
    assert len(load_experiment(experiment()).to_do) == 2
    with pytest.raises(ConfigError, match="penstock doctor --install llamafactory"):
        train(experiment())
    assert not Path("Results").exists()


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"model": "own/model"}, r"hyperparameters.template: the chat template of 'model' is"),
        ({"hyperparameters": {"lora_rnk": 8}}, r"unknown key; did you mean 'lora_rank'\?"),
        ({"method": "zo"}, "there is no method 'zo'"),
    ],
)
def test_an_invalid_value_is_an_error_with_its_location(
    environment: Path, keys: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError, match=rf"paraphrase\.yaml:\d+:\d+: .*{words}"):
        load_experiment(experiment(**keys))


def test_a_row_that_would_be_dropped_is_found_before_anything_starts(environment: Path) -> None:
    rows = [chat_row(number) for number in range(4)]
    del rows[1]["messages"][-1]
    write_rows(Path("lamps/lamps_train.jsonl"), rows)
    with pytest.raises(DataError, match=r"lamps_train\.jsonl:2: the last turn is no answer"):
        load_experiment(experiment())


def test_other_tasks_are_refused(environment: Path, shared_data: Path) -> None:
    data = {"path": str(shared_data / "tasks" / "original" / "Copa")}
    with pytest.raises(ConfigError, match=r"task: LLaMA-Factory trains only the task chat"):
        load_experiment(experiment(task="copa", data=data))


def test_the_schema_has_its_hyperparameters(environment: Path) -> None:
    from penstock.experiments import experiment_schema

    known = experiment_schema()["properties"]["hyperparameters"]["properties"]
    assert {"epochs", "save_limit", "template", "lora_rank", "zo_eps"} <= known.keys()
    kinds = json.dumps(known["batch_size"])
    assert '"null"' in kinds and '"integer"' in kinds
