"""A run's identity is what decides its numbers, and nothing else."""

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
def test_each_decisive_value_makes_another_run(changes: dict[str, Any]) -> None:
    assert identity(a_config(**changes)) != identity(a_config())


def test_other_bytes_of_data_or_model_make_another_run() -> None:
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
        {"description": "said otherwise"},
        {"data": RunData(path="/elsewhere/Copa", label="by another name")},
        {"hyperparameters": {"seed": 0, "steps": 10, "learning_rate": 1e-6}},
    ],
    ids=["purpose", "description", "place of the data", "order of the keys"],
)
def test_what_decides_no_number_makes_no_other_run(changes: dict[str, Any]) -> None:
    assert identity(a_config(**changes)) == identity(a_config())


def test_the_original_alone_is_the_same_run_by_mix_and_by_path() -> None:
    mixed = a_config(data=RunData(original="/data/Copa", mix="original", label="original"))
    assert identity(mixed, data={"original": DATA["path"]}) == identity(a_config())


def test_a_model_of_known_bytes_is_the_same_under_any_path() -> None:
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
def test_a_model_is_filed_under_its_hub_name_or_its_last_part(model: str, label: str) -> None:
    assert a_config(model=model).model_label == label


def test_a_model_in_the_working_directory_is_a_local_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "org" / "tiny").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert a_config(model="org/tiny").model_label == "tiny"


def test_a_run_is_filed_by_purpose_model_task_method_data_and_rate() -> None:
    config = a_config(hyperparameters={"learning_rate": 0.00002})
    assert run_parent(config) == Path("baseline/org/name-135M/Copa_zo_original_2e-5")
