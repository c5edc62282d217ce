"""The weights of a run are rebuilt from what it saved."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from helpers.training_runs import make_run, predictions, train, trainer_of
from penstock.errors import ConfigError, ConflictError, DataError
from penstock.runs import RunDirectory, State
from penstock.training.model import load_model
from penstock.training.weights import rebuild_weights


def weights_of(path: Path) -> dict[str, torch.Tensor]:
    model, _ = load_model(str(path), "float32", "cpu")
    return {name: p.detach() for name, p in model.named_parameters()}


def assert_same_answers(model: Path, run: RunDirectory, tmp_path: Path, data: Path) -> None:
    """Assert that the model predicts what the run did at its end."""
    evaluated = make_run(tmp_path / "evaluated", model, "copa", "zo", data, steps=0)
    result, expected = train(evaluated), run.read().result
    assert expected is not None
    assert (result.scores, result.dev_score) == (expected.scores, expected.dev_score)
    assert predictions(evaluated) == predictions(run)


def finished(
    tmp_path: Path, model: Path, data: Path, method: str, **values: Any
) -> tuple[RunDirectory, dict[str, torch.Tensor]]:
    """Return a finished run and its best weights."""
    directory = make_run(tmp_path, model, "copa", method, data, steps=6, eval_steps=2, **values)
    trainer = trainer_of(directory)
    record = directory.read()
    record.result, record.state = trainer.train(), State.DONE
    directory.write(record)
    return directory, {name: t.clone() for name, t in trainer.method.trained().items()}


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_a_zo_run_is_rebuilt_to_the_last_bit(
    tmp_path: Path, tiny_model: Path, copa: Path, decay: float
) -> None:
    values = {"learning_rate": 3e-3, "weight_decay": decay, "batch_size": 24}
    run, best = finished(tmp_path, tiny_model, copa, "zo", **values)
    result = run.read().result
    assert result is not None
    assert rebuild_weights(run.path, tmp_path / "model") == result.best_step
    rebuilt = weights_of(tmp_path / "model")
    assert rebuilt.keys() == best.keys()
    assert all(torch.equal(rebuilt[name], best[name]) for name in best)
    assert_same_answers(tmp_path / "model", run, tmp_path, copa)


def test_a_zo_run_is_rebuilt_at_any_step(tmp_path: Path, tiny_model: Path, copa: Path) -> None:
    run, _ = finished(tmp_path, tiny_model, copa, "zo")
    assert rebuild_weights(run.path, tmp_path / "zero", step=0) == 0
    before = weights_of(tiny_model)
    assert all(torch.equal(w, before[name]) for name, w in weights_of(tmp_path / "zero").items())
    # The same run with fewer steps ends with the weights of this one at that step.
    rebuild_weights(run.path, tmp_path / "three", step=3)
    short = make_run(tmp_path, tiny_model, "copa", "zo", copa, steps=3, eval_steps=2)
    train(short)
    rebuild_weights(short.path, tmp_path / "short", step=3)
    three = weights_of(tmp_path / "three")
    assert all(torch.equal(w, three[name]) for name, w in weights_of(tmp_path / "short").items())
    with pytest.raises(DataError, match="has 6 steps, not 7"):
        rebuild_weights(run.path, tmp_path / "seven", step=7)
    assert not (tmp_path / "seven").exists()


def test_adapters_are_merged_into_a_model_with_the_runs_predictions(
    tmp_path: Path, tiny_model: Path, copa: Path
) -> None:
    values = {"learning_rate": 1e-2, "batch_size": 24, "lora_targets": "all-linear"}
    run, _ = finished(tmp_path, tiny_model, copa, "fo_lora", **values)
    result = run.read().result
    assert result is not None
    assert result.best_step > 0, "the best weights must differ from the base model's"
    rebuild_weights(run.path, tmp_path / "model")
    before, after = weights_of(tiny_model), weights_of(tmp_path / "model")
    assert after.keys() == before.keys()
    name = "model.layers.0.self_attn.q_proj.weight"
    assert not torch.equal(after[name], before[name])
    assert_same_answers(tmp_path / "model", run, tmp_path, copa)


def test_adapters_of_another_step_are_not_available(
    tmp_path: Path, tiny_model: Path, copa: Path
) -> None:
    run, _ = finished(tmp_path, tiny_model, copa, "fo_lora", learning_rate=1e-2)
    result = run.read().result
    assert result is not None
    with pytest.raises(DataError, match="adapter of its best step only"):
        rebuild_weights(run.path, tmp_path / "model", step=result.best_step + 1)


def test_a_missing_adapter_is_an_error(tmp_path: Path, tiny_model: Path, copa: Path) -> None:
    run, _ = finished(tmp_path, tiny_model, copa, "fo_lora")
    (run.path / "adapter" / "adapter_model.safetensors").unlink()
    with pytest.raises(DataError, match="adapter: there is no adapter"):
        rebuild_weights(run.path, tmp_path / "model")


def test_a_full_run_says_that_save_model_keeps_its_weights(
    tmp_path: Path, tiny_model: Path, copa: Path
) -> None:
    run, _ = finished(tmp_path, tiny_model, copa, "fo_full")
    with pytest.raises(DataError, match="save_model: true"):
        rebuild_weights(run.path, tmp_path / "model")


def test_a_full_run_with_save_model_keeps_a_model_that_loads(
    tmp_path: Path, tiny_model: Path, copa: Path
) -> None:
    run, best = finished(tmp_path, tiny_model, copa, "fo_full", save_model=True)
    saved = weights_of(run.path / "model")
    assert all(torch.equal(saved[name], best[name]) for name in best)
    assert_same_answers(run.path / "model", run, tmp_path, copa)


def test_a_base_model_that_changed_since_the_run_is_refused(
    tmp_path: Path, tiny_model: Path, copa: Path
) -> None:
    base = shutil.copytree(tiny_model, tmp_path / "base")
    run, _ = finished(tmp_path, base, copa, "zo")
    weights = load_file(base / "model.safetensors")
    weights["model.norm.weight"] += 1e-3
    save_file(weights, base / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(DataError, match=f"{base}: is missing or has changed"):
        rebuild_weights(run.path, tmp_path / "model")


def test_a_run_that_is_not_done_has_no_weights(
    tmp_path: Path, tiny_model: Path, copa: Path
) -> None:
    run = make_run(tmp_path, tiny_model, "copa", "zo", copa)
    with pytest.raises(ConfigError, match="only a run that is done has weights"):
        rebuild_weights(run.path, tmp_path / "model")


def test_nothing_is_overwritten(tmp_path: Path, tiny_model: Path, copa: Path) -> None:
    run, _ = finished(tmp_path, tiny_model, copa, "zo")
    (tmp_path / "model").mkdir()
    with pytest.raises(ConflictError, match="exists"):
        rebuild_weights(run.path, tmp_path / "model")
