"""Errors in an experiment file are reported with line, caret and a fix."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from helpers.grids import plan, plan_text, refusal
from penstock import load_experiment
from penstock.errors import ConfigError

pytestmark = pytest.mark.usefixtures("workspace")

TEXT = """\
experiment:
  purpose: p
model: org/m
task: Copa
method:
  fo_lora:
    lora_rank: [8, 16]
data:
  path: data/original/Copa
hyperparameters:
  learning_rate: [1e-4, 1e-5]
  batch_size: 16
"""
RATES = "{learning_rate: [1e-3, 1e-4, 1e-5]}"


def refusal_of(old: str, new: str) -> str:
    """Return the error for the text with one part of it replaced."""
    assert TEXT.count(old) == 1
    with pytest.raises(ConfigError) as refused:
        plan_text(TEXT.replace(old, new))
    return str(refused.value)


def test_the_unchanged_text_is_valid() -> None:
    assert len(plan_text(TEXT).runs) == 4


def test_an_unknown_hyperparameter_is_reported_with_location_caret_and_suggestion() -> None:
    assert refusal_of("  learning_rate:", "  learning_rat:") == (
        "e.yaml:11:3: hyperparameters.learning_rat: unknown key; did you mean 'learning_rate'?\n"
        "      learning_rat: [1e-4, 1e-5]\n"
        "      ^"
    )


def test_an_unknown_hyperparameter_of_a_method_is_reported_with_its_location() -> None:
    assert refusal_of("lora_rank:", "lora_rnk:") == (
        "e.yaml:7:5: method.fo_lora.lora_rnk: fo_lora has no such hyperparameter; "
        "did you mean 'lora_rank'?\n"
        "        lora_rnk: [8, 16]\n"
        "        ^"
    )


def test_a_hyperparameter_of_another_method_is_refused_in_a_methods_own_mapping() -> None:
    error = refusal_of("lora_rank: [8, 16]", "zo_eps: 1e-3")
    assert error.startswith("e.yaml:7:5: method.fo_lora.zo_eps: fo_lora has no such hyperparameter")


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("model:", "modle:", "e.yaml:3:1: modle: unknown key; did you mean 'model'?"),
        ("  purpose:", "  purpos:", "e.yaml:2:3: experiment.purpos: unknown key; did you mean"),
        ("  path:", "  pth:", "e.yaml:9:3: data.pth: unknown key; did you mean 'path'?"),
        ("task: Copa", "task: Cpoa", "e.yaml:4:1: task: there is no task 'Cpoa'; did you mean"),
        ("task: Copa", "task: [Copa, Cpoa]", "e.yaml:4:14: task.1: there is no task 'Cpoa'; did"),
        ("  fo_lora:", "  fo_lroa:", "e.yaml:6:3: method.fo_lroa: there is no method 'fo_lroa'; "),
        ("task: Copa", "task: Copa\ntrainer: penstok", "e.yaml:5:1: trainer: there is no trainer"),
    ],
)
def test_a_misspelt_name_is_an_error_with_a_suggestion(old: str, new: str, error: str) -> None:
    assert refusal_of(old, new).startswith(error)


@pytest.mark.parametrize(
    ("line", "fix"),
    [
        ("backend: llamafactory", "trainer: llamafactory"),
        ("backend: builtin", "trainer: penstock"),
        ("trainer: builtin", "trainer: penstock"),
    ],
)
def test_the_renamed_key_and_name_of_a_trainer_are_errors_with_the_fix(line: str, fix: str) -> None:
    key = line.partition(":")[0]
    assert refusal_of("task: Copa", f"task: Copa\n{line}") == (
        f"e.yaml:5:1: {key}: has been renamed; write '{fix}'\n    {line}\n    ^"
    )


def test_the_renamed_key_is_an_error_on_the_command_line() -> None:
    error = refusal("backend=builtin")
    assert error == "command line: backend: has been renamed; write 'trainer: penstock'"


def test_an_unknown_method_in_a_list_is_located_at_its_item() -> None:
    error = refusal(method="[zo, fo_ful]")
    assert error.startswith("e.yaml:4:14: method.1: there is no method 'fo_ful'; did you mean")


def test_an_unknown_method_is_an_error_with_all_methods() -> None:
    error = refusal(method="adam")
    assert "there is no method 'adam'; known: fo_full, fo_lora, zo" in error


def test_a_missing_learning_rate_is_an_error_of_the_method() -> None:
    error = refusal_of("  learning_rate: [1e-4, 1e-5]\n", "")
    assert error.startswith(
        "e.yaml:10:1: hyperparameters.learning_rate: is required by the method fo_lora"
    )


@pytest.mark.parametrize("key", ["experiment", "model", "task", "method", "data"])
def test_a_missing_required_key_is_an_error(key: str) -> None:
    assert refusal(**{key: None}).startswith(f"e.yaml:1:1: {key}: required, but missing")


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ("many", "e.yaml:12:3: hyperparameters.batch_size: must be a whole number, not 'many'"),
        ("[16, x]", "e.yaml:12:20: hyperparameters.batch_size.1: must be a whole number, not 'x'"),
        (
            "[16, 2.5]",
            "e.yaml:12:20: hyperparameters.batch_size.1: must be a whole number, not 2.5",
        ),
        ("0", "e.yaml:12:3: hyperparameters.batch_size: must be greater than or equal to 1"),
        ("true", "e.yaml:12:3: hyperparameters.batch_size: must be a number, not true"),
        ("[1, true]", "e.yaml:12:19: hyperparameters.batch_size.1: must be a number, not true"),
        ("null", "e.yaml:12:3: hyperparameters.batch_size: must be a whole number, not null"),
        ("[]", "e.yaml:12:3: hyperparameters.batch_size: the list is empty"),
        ("[[1, 2]]", "e.yaml:12:16: hyperparameters.batch_size.0: must be"),
        ("{a: 1}", "e.yaml:12:3: hyperparameters.batch_size: must be"),
    ],
)
def test_an_invalid_value_is_located_at_its_item(value: str, error: str) -> None:
    assert refusal_of("batch_size: 16", f"batch_size: {value}").startswith(error)


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ("[8, x]", "e.yaml:7:20: method.fo_lora.lora_rank.1: must be a whole number, not 'x'"),
        ("[8, 0]", "e.yaml:7:20: method.fo_lora.lora_rank.1: must be greater than or equal to 1"),
        ("[]", "e.yaml:7:5: method.fo_lora.lora_rank: the list is empty"),
    ],
)
def test_an_invalid_value_of_a_method_is_located_in_its_mapping(value: str, error: str) -> None:
    assert refusal_of("[8, 16]", value).startswith(error)


@pytest.mark.parametrize("key", ["model", "task", "method"])
def test_an_empty_list_has_no_runs(key: str) -> None:
    assert refusal(**{key: "[]"}).startswith("e.yaml:")


def test_two_incompatible_values_are_refused() -> None:
    error = refusal(
        method="fo_full", hyperparameters="{learning_rate: 1e-3, weights_dtype: float16}"
    )
    assert "weights_dtype: float16 loses small gradients" in error


@pytest.mark.parametrize("purpose", ["a/b", "..", '""', "'a\\b'"])
def test_a_purpose_that_is_not_a_directory_name_is_refused(purpose: str) -> None:
    error = refusal(experiment=f"{{purpose: {purpose}}}")
    assert (
        "experiment.purpose: must be the name of a file or directory: no slash, not empty" in error
    )


@pytest.mark.parametrize(
    ("devices", "error"),
    [
        ('"0,0"', "'0,0' has a device twice"),
        ("gpu", "'gpu' is not a device"),
        ('"cpu,0"', "'cpu' is not a device"),
        ("true", "must be text, not true"),
    ],
)
def test_invalid_devices_of_an_experiment_are_refused(devices: str, error: str) -> None:
    assert f"e.yaml:7:1: cuda_devices: {error}" in refusal(cuda_devices=devices)


@pytest.mark.parametrize("devices", ["0,1", '"0,1"', "[0, 1]", "' 0 , 1 '"])
def test_devices_may_be_written_in_several_ways(devices: str) -> None:
    names = [slot.name for slot in plan(cuda_devices=devices, hyperparameters=RATES).slots]
    assert names == ["cuda:0", "cuda:1"]


def test_one_device_may_be_a_number() -> None:
    (slot,) = plan(cuda_devices="0", hyperparameters=RATES).slots
    assert slot.environment["CUDA_VISIBLE_DEVICES"] == "0"


def test_there_are_at_most_as_many_slots_as_runs_and_max_parallel() -> None:
    assert len(plan(cuda_devices="0,1,2,3", hyperparameters=RATES).slots) == 3
    assert len(plan(cuda_devices="0,1,2,3", max_parallel="2", hyperparameters=RATES).slots) == 2
    assert len(plan(cuda_devices="cpu", max_parallel="1", hyperparameters=RATES).slots) == 1


def test_a_single_run_has_all_the_cores() -> None:
    (slot,) = plan(cuda_devices="cpu").slots
    assert int(slot.environment["OMP_NUM_THREADS"]) == len(os.sched_getaffinity(0))


def test_a_duplicate_key_is_refused() -> None:
    assert "duplicate key, first on line 3" in refusal_of("task:", "model: org/n\ntask:")


@pytest.mark.parametrize(
    "pasted",
    [
        "api_key: abcdefgh12345678",
        "token: hf_abcdefghijklmnopqrstuvwx",
        "description: use hf_abcdefghijklmnopqrstuvwx",
        "description: https://me:hunter2pass@git.example.org/x",
    ],
)
def test_a_pasted_key_is_refused_without_being_printed(pasted: str) -> None:
    error = refusal_of("  purpose: p", f"  purpose: p\n  {pasted}")
    assert error.startswith("e.yaml:3:3: experiment.")
    assert "environment variable" in error
    for secret in ("abcdefgh", "hunter2pass"):
        assert secret not in error


def test_a_pasted_key_on_the_command_line_is_refused_without_being_printed() -> None:
    error = refusal("experiment.description=hf_abcdefghijklmnopqrstuvwx")
    assert "HF_TOKEN" in error
    assert "abcdefgh" not in error


def test_a_missing_file_is_an_error_with_a_suggestion() -> None:
    plan()
    with pytest.raises(ConfigError, match=r"e\.yml: there is no such file; did you mean 'e\.yaml'"):
        load_experiment(Path("e.yml"))
