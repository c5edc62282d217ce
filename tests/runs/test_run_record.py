"""A run's identity covers everything that affects its results, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from helpers.run_records import a_config
from penstock.runs import RunConfig, RunData
from penstock.runs.directory import run_parent

DATA = {"path": "sha256:" + "a" * 64}


def identity(config: RunConfig, model: str | None = None, data: dict[str, str] = DATA) -> str:
    return config.identity(model, data)


@pytest.mark.parametrize(
    "changes",
    [
        {"trainer": "mezo_scripts"},
        {"model": "org/name-360M"},
        {"task": "cb"},
        {"method": "fo_full"},
        {"hyperparameters": {"learning_rate": 1e-5, "steps": 10, "seed": 0}},
        {"hyperparameters": {"learning_rate": 1e-6, "steps": 11, "seed": 0}},
        {"hyperparameters": {"learning_rate": 1e-6, "steps": 10, "seed": 1}},
        {"hyperparameters": {"learning_rate": 1e-6, "steps": 10, "seed": None}},
        {"hyperparameters": {"learning_rate": 1e-6, "steps": 10, "seed": 0, "zo_eps": 1e-3}},
        {"hyperparameters": {"learning_rate": 1e-6, "steps": 10}},
        {"data": RunData(original="/o/Copa", synthetic="/s/Copa", mix="both", label="both")},
    ],
)
def test_each_value_that_affects_results_makes_another_run(changes: dict[str, Any]) -> None:
    assert identity(a_config(**changes)) != identity(a_config())


@pytest.mark.parametrize(
    ("trainer", "backend", "expected"),
    [
        ("penstock", "builtin", "b6dadf8ded640d2e"),
        ("llamafactory", "llamafactory", "bd5c7680f6319dbc"),
    ],
)
def test_records_of_0_1_0_are_read_and_keep_their_identity(
    trainer: str, backend: str, expected: str
) -> None:
    written = a_config().model_dump()
    del written["trainer"]
    config = RunConfig.model_validate({**written, "backend": backend})
    assert config.trainer == trainer
    assert identity(config) == identity(a_config(trainer=trainer)) == expected
    assert "backend" not in config.model_dump()


def test_different_data_or_models_make_another_run() -> None:
    config = a_config()
    identities = {
        identity(config),
        identity(config, data={"path": "sha256:" + "b" * 64}),
        identity(config, data={"original": DATA["path"]}),
        identity(config, data=DATA | {"synthetic": DATA["path"]}),
        identity(config, model="sha256:" + "a" * 64),
        identity(config, model="sha256:" + "b" * 64),
    }
    assert len(identities) == 6


@pytest.mark.parametrize(
    "changes",
    [
        {"purpose": "another"},
        {"description": "message otherwise"},
        {"data": RunData(path="/elsewhere/Copa", label="by another name")},
        {"hyperparameters": {"seed": 0, "steps": 10, "learning_rate": 1e-6}},
    ],
    ids=["purpose", "description", "path of the data", "order of the keys"],
)
def test_irrelevant_values_keep_the_identity(changes: dict[str, Any]) -> None:
    assert identity(a_config(**changes)) == identity(a_config())


def test_the_original_is_the_same_run_by_mix_and_by_path() -> None:
    mixed = a_config(data=RunData(original="/data/Copa", mix="original", label="original"))
    assert identity(mixed, data={"original": DATA["path"]}) == identity(a_config())


def test_a_model_with_the_same_hash_is_the_same_under_any_path() -> None:
    digest = "sha256:" + "c" * 64
    here, there = a_config(model="/here/model"), a_config(model="/there/model")
    assert identity(here, model=digest) == identity(there, model=digest)
    assert identity(here) != identity(there)


def test_an_identity_is_sixteen_hexadecimal_digits() -> None:
    assert len(identity(a_config())) == 16
    assert int(identity(a_config()), 16) >= 0


@pytest.mark.parametrize(
    ("model", "label"),
    [
        ("gpt2", "gpt2"),
        ("org/name-135M", "org/name-135M"),
        ("/models/org/name-135M", "name-135M"),
        ("/models/name-135M/", "name-135M"),
        ("./models/tiny", "tiny"),
        ("~/models/tiny", "tiny"),
        ("/models/SmolLM2.Q4_1.gguf", "SmolLM2.Q4_1"),
    ],
)
def test_a_model_is_stored_under_its_hub_name_or_the_end_of_its_path(
    model: str, label: str
) -> None:
    assert a_config(model=model).model_label == label


def test_a_model_in_the_working_directory_is_local(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "org" / "tiny").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert a_config(model="org/tiny").model_label == "tiny"


def test_a_run_is_stored_by_purpose_model_task_method_data_and_rate() -> None:
    config = a_config(hyperparameters={"learning_rate": 0.00002})
    assert run_parent(config) == Path("baseline/org/name-135M/Copa_zo_original_2e-5")
