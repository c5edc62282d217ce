"""First-order training: steps, gradient accumulation, adapters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from helpers.training_runs import losses, make_run, train, trainer_of
from penstock.errors import ConfigError
from penstock.training import METHODS
from penstock.training.data import batch_indices
from penstock.training.methods.fo_full import FirstOrderFull, FirstOrderHyperparameters
from penstock.training.methods.fo_lora import FirstOrderLora, LoraHyperparameters


@pytest.mark.parametrize("task", ["copa", "cb", "arc"])
@pytest.mark.parametrize("classification", [True, False])
def test_gradient_accumulation_equals_one_large_batch(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    tiny_model: Path,
    task: str,
    classification: bool,
) -> None:
    trainers = {}
    for size, accumulation in ((16, 1), (4, 4), (3, 5)):
        values = {
            "batch_size": size,
            "gradient_accumulation": accumulation,
            "optimizer": "sgd",
            "learning_rate": 5e-2,
            "train_as_classification": classification,
        }
        name = "arcc_mc" if task == "arc" else task
        data = request.getfixturevalue(task)
        trainer = trainer_of(make_run(tmp_path, tiny_model, name, "fo_full", data, **values))
        order = batch_indices(len(trainer.data.train), size * accumulation, seed=0)
        for step in range(1, 5):
            rows = [trainer.data.train[index] for index in next(order)]
            trainer.step(rows, 5e-2, step, measure=False)
        trainers[size] = trainer
    large, small, other = (trainers[size].method.trained() for size in (16, 4, 3))
    for name in large:
        torch.testing.assert_close(small[name], large[name], rtol=0, atol=1e-6)
    assert any((other[name] - large[name]).abs().max() > 1e-4 for name in large)


def loss_of(model: Any) -> torch.Tensor:
    ids = torch.arange(40).view(4, 10)
    return model(ids, labels=ids).loss


def one_step(model: Any, rate: float, **values: Any) -> dict[str, float]:
    given = FirstOrderHyperparameters(learning_rate=rate, **values)
    method = FirstOrderFull(given)
    method.prepare(model)
    return method.step([lambda: loss_of(model)], rate, 1, measure=True)


def weights_and_gradients(model: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    loss_of(model).backward()
    gradients = {name: p.grad.clone() for name, p in model.named_parameters()}
    model.zero_grad()
    return {name: p.detach().clone() for name, p in model.named_parameters()}, gradients


def test_sgd_moves_against_the_gradient_and_decays_matrices_only(model: Any) -> None:
    weights, gradients = weights_and_gradients(model)
    one_step(model, 0.1, optimizer="sgd", weight_decay=0.5, max_grad_norm=None)
    for name, parameter in model.named_parameters():
        decay = 0.5 if parameter.ndim > 1 else 0.0
        expected = weights[name] - 0.1 * (gradients[name] + decay * weights[name])
        torch.testing.assert_close(parameter.detach(), expected, rtol=1e-5, atol=1e-7)


def test_gradients_are_clipped_and_their_norm_before_clipping_reported(model: Any) -> None:
    weights, gradients = weights_and_gradients(model)
    norm = float(torch.cat([g.flatten() for g in gradients.values()]).norm())
    metrics = one_step(model, 0.1, optimizer="sgd", max_grad_norm=norm / 4)
    assert metrics["grad_norm"] == pytest.approx(norm, rel=1e-4)
    for name, parameter in model.named_parameters():
        expected = weights[name] - 0.1 * gradients[name] / 4
        torch.testing.assert_close(parameter.detach(), expected, rtol=1e-4, atol=1e-6)


def test_adamw_is_the_default_and_its_first_step_has_the_size_of_the_learning_rate(
    model: Any,
) -> None:
    weights, gradients = weights_and_gradients(model)
    one_step(model, 1e-3, weight_decay=0.5, max_grad_norm=None)
    for name, parameter in model.named_parameters():
        decay = 1 - 1e-3 * 0.5 if parameter.ndim > 1 else 1.0
        moved = parameter.detach() - weights[name] * decay
        large = gradients[name].abs() > 1e-5
        assert torch.allclose(moved[large], -1e-3 * gradients[name][large].sign(), atol=1e-5)


@pytest.mark.parametrize("method", ["fo_full", "fo_lora"])
@pytest.mark.parametrize("field", ["weights_dtype", "compute_dtype"])
def test_float16_is_refused_where_gradients_would_be_lost(method: str, field: str) -> None:
    with pytest.raises(ValueError, match=f"{field}: float16 loses small gradients"):
        METHODS.get(method).Hyperparameters(learning_rate=1e-3, **{field: "float16"})


@pytest.mark.parametrize("method", ["fo_full", "fo_lora"])
def test_training_in_bfloat16_lowers_the_loss(
    tmp_path: Path, tiny_model: Path, copa: Path, method: str
) -> None:
    values = {"compute_dtype": "bfloat16", "learning_rate": 1e-2, "batch_size": 24, "steps": 10}
    directory = make_run(tmp_path, tiny_model, "copa", method, copa, **values)
    train(directory)
    assert losses(directory)[-1] < 0.9 * losses(directory)[0]


def test_adapters_are_trained_and_the_weights_of_the_model_frozen(
    tmp_path: Path, tiny_model: Path, model: Any, copa: Path
) -> None:
    values = {"lora_rank": 4, "learning_rate": 1e-2, "batch_size": 24, "steps": 5}
    directory = make_run(tmp_path, tiny_model, "copa", "fo_lora", copa, **values)
    trainer = trainer_of(directory)
    trainer.train()
    assert losses(directory)[-1] < losses(directory)[0]
    trained = trainer.method.trained()
    assert trained
    assert all("lora_" in name for name in trained)
    assert {min(tensor.shape) for tensor in trained.values()} == {4}
    before = dict(model.named_parameters())
    after = {
        name.removeprefix("base_model.model.").replace(".base_layer", ""): parameter
        for name, parameter in trainer.data.objective.model.named_parameters()
        if "lora_" not in name
    }
    assert after.keys() == before.keys()
    assert all(torch.equal(after[name], before[name]) for name in before)


def test_dropout_applies_to_training_and_not_to_scores(
    tmp_path: Path, tiny_model: Path, copa: Path
) -> None:
    plain, dropped = (
        make_run(tmp_path, tiny_model, "copa", "fo_lora", copa, lora_dropout=p, learning_rate=1e-2)
        for p in (0.0, 0.5)
    )
    train(plain)
    trainer = trainer_of(dropped)
    trainer.train()
    assert losses(plain)[1:] != losses(dropped)[1:]
    first, second = (trainer.data.objective.option_scores(trainer.data.dev) for _ in range(2))
    assert first == second


def adapted_modules(model: Any, **values: Any) -> set[str]:
    method = FirstOrderLora(LoraHyperparameters(learning_rate=1e-3, **values))
    method.prepare(model)
    return {name.split(".lora_")[0].rsplit(".", 1)[1] for name in method.trained()}


def test_the_targets_of_the_adapters_can_be_chosen(tiny_model: Path, model: Any) -> None:
    assert adapted_modules(model, lora_targets="k_proj, down_proj") == {"k_proj", "down_proj"}


def test_the_targets_may_be_all_linear_modules(model: Any) -> None:
    names = {f"{name}_proj" for name in ("q", "k", "v", "o", "up", "down", "gate")}
    assert adapted_modules(model, lora_targets="all-linear") == names


def test_the_default_targets_are_those_of_the_architecture(model: Any) -> None:
    assert adapted_modules(model) == {"q_proj", "v_proj"}


def test_targets_that_the_model_does_not_have_are_refused(model: Any) -> None:
    with pytest.raises(ConfigError, match="lora_targets: 'nothing' does not name modules"):
        adapted_modules(model, lora_targets="nothing")


def test_the_scale_of_the_adapters_is_alpha_over_rank(model: Any) -> None:
    method = FirstOrderLora(LoraHyperparameters(learning_rate=1e-3, lora_rank=4, lora_alpha=2))
    adapted: Any = method.prepare(model)
    layer = adapted.base_model.model.model.layers[0].self_attn.q_proj
    assert layer.scaling == {"default": 0.5}
