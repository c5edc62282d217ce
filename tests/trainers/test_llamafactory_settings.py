"""Settings of LLaMA-Factory for a run: names, templates, batches, precision."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from penstock.errors import ConfigError
from penstock.trainers import runner
from penstock.trainers.llamafactory.models import batches_of, parameters_of, template_of
from penstock.trainers.llamafactory.settings import (
    Job,
    dtype_on,
    evaluation_settings,
    training_settings,
)

LLAMA = "meta-llama/Llama-3.2-3B-Instruct"


def values(method: str = "fo_lora", **given: Any) -> Any:
    return runner("llamafactory").hyperparameters(method)(**given)


def job(model: str = LLAMA, evaluation: tuple[str, ...] = ("p_eval",)) -> Job:
    return Job(model, Path("/data/p"), ["p_train"], evaluation, Path("out"))


def test_default_settings_of_lora() -> None:
    settings = training_settings(job(), values(), "bfloat16")
    expected = {
        "finetuning_type": "lora",
        "lora_rank": 16,
        "lora_alpha": 32,
        "lora_dropout": 0.05,
        "lora_target": "all",
        "learning_rate": 2e-4,
        "num_train_epochs": 3.0,
        "lr_scheduler_type": "cosine",
        "warmup_ratio": 0.1,
        "bf16": True,
        "max_grad_norm": 1.0,
        "eval_strategy": "steps",
        "eval_steps": 100,
        "save_steps": 100,
        "per_device_train_batch_size": 4,
        "gradient_accumulation_steps": 4,
        "template": "llama3",
        "dataset": "p_train",
        "eval_dataset": "p_eval",
        "dataset_dir": "/data/p",
    }
    assert {key: settings[key] for key in expected} == expected


def test_val_size_is_never_written() -> None:
    for evaluation in ((), ("p_eval",)):
        assert "val_size" not in training_settings(job(evaluation=evaluation), values(), "float32")


def test_without_evaluation_rows_nothing_is_evaluated() -> None:
    settings = training_settings(job(evaluation=()), values(), "float32")
    assert not any("eval" in key or "best" in key for key in settings)
    assert settings["save_strategy"] == "steps"


def test_a_loss_that_is_not_finite_is_not_hidden() -> None:
    assert training_settings(job(), values(), "float32")["logging_nan_inf_filter"] is False


def test_full_fine_tuning_has_no_adapters() -> None:
    settings = training_settings(job(), values("fo_full"), "float16")
    assert settings["finetuning_type"] == "full"
    assert settings["fp16"] is True
    assert not any(key.startswith("lora") for key in settings)


def test_trained_weights_are_evaluated_as_adapter_or_as_model() -> None:
    adapter = evaluation_settings(job(), values(), "float32", Path("out"))
    assert (adapter["adapter_name_or_path"], adapter["model_name_or_path"]) == ("out", LLAMA)
    full = evaluation_settings(job(), values("fo_full"), "float32", Path("out"))
    assert (full["model_name_or_path"], full["do_train"]) == ("out", False)
    assert full["template"] == "llama3"


@pytest.mark.parametrize(
    ("given", "key", "value"),
    [
        ({"warmup": 50}, "warmup_steps", 50),
        ({"steps": 7}, "max_steps", 7),
        ({"max_grad_norm": None}, "max_grad_norm", 0.0),
        ({"optimizer": "sgd"}, "optim", "sgd"),
        ({"max_length": 512}, "cutoff_len", 512),
        ({"packing": True}, "neat_packing", True),
        ({"lora_targets": "q_proj,v_proj"}, "lora_target", "q_proj,v_proj"),
        ({"template": "default"}, "template", "default"),
        ({"save_limit": None}, "save_total_limit", None),
    ],
)
def test_hyperparameters_become_llamafactory_settings(given: Any, key: str, value: Any) -> None:
    assert training_settings(job(), values(**given), "float32").get(key) == value


@pytest.mark.parametrize(
    ("model", "template"),
    [
        (LLAMA, "llama3"),
        ("meta-llama/Llama-3.1-8B-Instruct", "llama3"),
        ("meta-llama/Meta-Llama-3-8B", "llama3"),
        ("Qwen/Qwen2.5-7B-Instruct", "qwen"),
        ("Qwen/Qwen3-8B", "qwen3"),
        ("Qwen/Qwen3-4B-Instruct-2507", "qwen3_nothink"),
        ("google/gemma-2-2b-it", "gemma2"),
        ("HuggingFaceTB/SmolLM2-135M-Instruct", "smollm2"),
        ("microsoft/Phi-4-mini-instruct", "phi4_mini"),
        ("openai/gpt-oss-20b", "gpt_oss"),
    ],
)
def test_the_template_follows_from_the_models_name(model: str, template: str) -> None:
    assert template_of(model) == template


@pytest.mark.parametrize(
    "model",
    ["own/model", "meta-llama/Llama-3.2-11B-Vision-Instruct", "Qwen/Qwen2.5-VL-7B-Instruct"],
)
def test_a_template_is_never_guessed(model: str) -> None:
    with pytest.raises(ConfigError, match=r"template: the chat template of .* is unknown"):
        template_of(model)


@pytest.mark.parametrize(
    ("model", "weights"),
    [
        (LLAMA, 3_000_000_000),
        ("Qwen/Qwen2.5-1.5B-Instruct", 1_500_000_000),
        ("mistralai/Mixtral-8x7B-Instruct-v0.1", 56_000_000_000),
        ("HuggingFaceTB/SmolLM2-135M", 135_000_000),
        ("own/b4-model", None),
    ],
)
def test_the_size_follows_from_the_models_name(model: str, weights: int | None) -> None:
    assert parameters_of(model) == weights


def test_the_size_of_a_models_files_precedes_its_name(tmp_path: Path) -> None:
    model = tmp_path / "my-70B"
    model.mkdir()
    for number in (1, 2):
        header = {
            "__metadata__": {},
            "w": {"dtype": "F32", "shape": [3, number], "data_offsets": []},
        }
        text = json.dumps(header).encode()
        (model / f"model-{number}.safetensors").write_bytes(struct.pack("<Q", len(text)) + text)
    assert parameters_of(str(model)) == 9


def test_weights_in_two_layouts_are_counted_once(tmp_path: Path) -> None:
    text = json.dumps({"w": {"dtype": "F32", "shape": [5], "data_offsets": []}}).encode()
    names = ("model-00001-of-00001", "consolidated", "adapter_model")
    for name in names:
        file = tmp_path / f"{name}.safetensors"
        file.write_bytes(struct.pack("<Q", len(text)) + text)
    assert parameters_of(str(tmp_path)) == 5


def test_an_invalid_safetensors_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"version https://git-lfs.github.com/spec/v1")
    with pytest.raises(ConfigError, match=r"model\.safetensors: not a safetensors file"):
        parameters_of(str(tmp_path))


@pytest.mark.parametrize(
    ("model", "size", "accumulation", "batches"),
    [
        (LLAMA, None, None, (4, 4)),
        ("meta-llama/Llama-3.1-8B-Instruct", None, None, (2, 8)),
        ("Qwen/Qwen2.5-72B-Instruct", None, None, (1, 16)),
        ("own/model", None, None, (1, 16)),
        (LLAMA, 8, None, (8, 2)),
        (LLAMA, None, 8, (2, 8)),
        (LLAMA, None, 1, (16, 1)),
        (LLAMA, 3, 5, (3, 5)),
    ],
)
def test_a_step_has_sixteen_rows_by_default(
    model: str, size: int | None, accumulation: int | None, batches: tuple[int, int]
) -> None:
    assert batches_of(model, size, accumulation)[:2] == batches


@pytest.mark.parametrize("given", [{"batch_size": 3}, {"gradient_accumulation": 32}])
def test_a_value_that_does_not_divide_sixteen_needs_the_other(given: Any) -> None:
    with pytest.raises(ValidationError, match=r"does not divide the 16 rows .*; give both batch_"):
        values(**given)
    assert values(**{"batch_size": 3, "gradient_accumulation": 32} | given)


def install_driver(place: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put an nvidia-smi first on the PATH."""
    driver = place / "nvidia-smi"
    driver.write_text(f"#!/bin/sh\n{script}\n")
    driver.chmod(0o755)
    monkeypatch.setenv("PATH", str(place), prepend=":")


def test_the_gpu_determines_the_precision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = "echo '0, NVIDIA H200, 143771 MiB, 9.0'; echo '1, Tesla T4, 15360 MiB, 7.5'"
    install_driver(tmp_path, monkeypatch, told)
    assert dtype_on("cuda:0", "auto") == "bfloat16"
    assert dtype_on("cuda:1", "auto") == "float16"
    assert dtype_on("cuda", "auto") == "float16"
    assert dtype_on("cpu", "auto") == "float32"
    assert dtype_on("cpu", "bfloat16") == "bfloat16"


@pytest.mark.parametrize(
    "script",
    [
        "echo '0, Tesla K80, 11441 MiB, [N/A]'",
        "case $1 in *compute_cap*) echo not a valid field; exit 2;; esac; echo '0, K80, 11441 MiB'",
        "echo no devices were found; exit 6",
    ],
    ids=["a capability that is not known", "a driver that knows none", "no driver for the GPU"],
)
def test_a_precision_is_never_guessed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    install_driver(tmp_path, monkeypatch, script)
    with pytest.raises(ConfigError, match=r"compute_dtype: the driver does not report .* set it"):
        dtype_on("cuda:0", "auto")
    assert dtype_on("cuda:0", "float16") == "float16"


def test_an_unknown_method_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"no method 'fo_lra'; did you mean 'fo_lora'\?"):
        runner("llamafactory").hyperparameters("fo_lra")
