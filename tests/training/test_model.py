"""Loading a complete causal language model with its tokenizer, or an error."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import GPT2Config, GPT2LMHeadModel

from penstock.errors import ConfigError
from penstock.training.model import load_model, position_limit, save_model

WEIGHTS = "model.safetensors"


@pytest.fixture
def copied(tiny_model: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model's directory, to be damaged."""
    return shutil.copytree(tiny_model, tmp_path / "copied")


def change_weights(directory: Path, change: Callable[[dict[str, torch.Tensor]], Any]) -> None:
    weights = load_file(directory / WEIGHTS)
    change(weights)
    save_file(weights, directory / WEIGHTS, metadata={"format": "pt"})


def test_a_model_is_loaded_in_the_requested_dtype_and_in_evaluation_mode(tiny_model: Path) -> None:
    for dtype in ("float32", "bfloat16"):
        model, tokenizer = load_model(str(tiny_model), dtype, "cpu")
        assert {p.dtype for p in model.parameters()} == {getattr(torch, dtype)}
        assert not model.training
    assert tokenizer.decode(tokenizer("Ada fed the dog.")["input_ids"]) == "Ada fed the dog."


@pytest.mark.parametrize("name", ["/nowhere/model", "./nowhere", "~/nowhere/at/all"])
def test_a_missing_path_is_named(name: str) -> None:
    with pytest.raises(ConfigError, match=f"^model '{name}': there is no such file or directory"):
        load_model(name, "float32", "cpu")


def test_missing_weights_are_refused(copied: Path) -> None:
    change_weights(copied, lambda weights: weights.pop("model.layers.1.mlp.up_proj.weight"))
    with pytest.raises(ConfigError, match=r"lack 1 tensor .* model.layers.1.mlp.up_proj.weight;"):
        load_model(str(copied), "float32", "cpu")


def test_weights_of_another_shape_are_refused(copied: Path) -> None:
    name = "model.layers.1.mlp.up_proj.weight"
    change_weights(copied, lambda weights: weights.update({name: weights[name][:8].clone()}))
    with pytest.raises(ConfigError, match=f"model '{copied}': cannot be loaded"):
        load_model(str(copied), "float32", "cpu")


def test_a_truncated_file_of_weights_is_refused(copied: Path) -> None:
    file = copied / WEIGHTS
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(ConfigError, match=f"model '{copied}': cannot be loaded"):
        load_model(str(copied), "float32", "cpu")


def test_a_directory_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"model '{tmp_path}': cannot be loaded"):
        load_model(str(tmp_path), "float32", "cpu")


def test_a_tokenizer_with_more_ids_than_the_model_embeds_is_refused(
    copied: Path, tokenizer: Any
) -> None:
    config = GPT2Config(vocab_size=100, n_embd=16, n_layer=1, n_head=1, n_positions=32)
    GPT2LMHeadModel(config).save_pretrained(copied)
    with pytest.raises(
        ConfigError, match=f"has {len(tokenizer)} ids but the model embeds only 100;"
    ):
        load_model(str(copied), "float32", "cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a CUDA device")
def test_a_missing_device_is_an_error(tiny_model: Path) -> None:
    with pytest.raises(ConfigError, match=r"given cuda:0, but torch .* finds no CUDA device"):
        load_model(str(tiny_model), "float32", "cuda:0")


def test_a_model_is_saved_completely_or_not_at_all(
    tmp_path: Path, model: Any, tokenizer: Any
) -> None:
    class Unsaveable:
        def save_pretrained(self, directory: Path) -> None:
            raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        save_model(model, Unsaveable(), tmp_path / "saved")
    assert list(tmp_path.iterdir()) == []
    save_model(model, tokenizer, tmp_path / "saved")
    again, _ = load_model(str(tmp_path / "saved"), "float32", "cpu")
    pairs = zip(again.parameters(), model.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)


def test_the_position_limit_is_that_of_the_configuration(tmp_path: Path, tiny_model: Path) -> None:
    assert position_limit(str(tiny_model)) == 128
    GPT2Config(vocab_size=10, n_embd=8, n_layer=1, n_head=1, n_positions=32).save_pretrained(
        tmp_path
    )
    assert position_limit(str(tmp_path)) == 32
