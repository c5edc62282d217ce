"""zo computes the algorithm of its paper, and its trajectory rebuilds its weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from helpers.training_runs import losses, make_run, train, trainer_of
from penstock.errors import DataError
from penstock.runs import RunDirectory
from penstock.training.data import batch_indices
from penstock.training.encoding import EncodedRow
from penstock.training.methods.zo import (
    TRAJECTORY_NAME,
    Perturbation,
    ZerothOrder,
    ZOHyperparameters,
    read_trajectory,
    step_seed,
)
from penstock.training.model import load_model


class PaperMeZO:
    """Algorithm 1 of the paper without optimization: four sweeps, no batching, no padding."""

    def __init__(self, model: Any, epsilon: float, decay: float, seed: int) -> None:
        self.model = model
        self.epsilon = epsilon
        self.decay = decay
        self.seed = seed

    def perturb(self, seed: int, scale: float) -> None:
        torch.manual_seed(seed)
        for parameter in self.model.parameters():
            z = torch.normal(mean=0.0, std=1.0, size=parameter.shape)
            parameter.data = parameter.data + scale * z * self.epsilon

    def option_log_probabilities(self, ids: tuple[int, ...], start: int) -> torch.Tensor:
        logits = self.model(torch.tensor([ids])).logits[0]
        log_probabilities = logits.log_softmax(-1)
        return torch.stack([log_probabilities[i - 1, ids[i]] for i in range(start, len(ids))])

    def loss(self, rows: list[EncodedRow], classification: bool) -> float:
        if not classification:
            answers = [row.options[row.correct[0]] for row in rows]
            found = [self.option_log_probabilities(a.ids, a.start) for a in answers]
            return -float(torch.cat(found).mean())
        row_losses = []
        for row in rows:
            scores = [self.option_log_probabilities(o.ids, o.start).mean() for o in row.options]
            row_losses.append(-torch.stack(scores).log_softmax(0)[row.correct[0]])
        return float(torch.stack(row_losses).mean())

    @torch.no_grad()
    def step(
        self, rows: list[EncodedRow], rate: float, number: int, classification: bool
    ) -> tuple[float, float]:
        """Return the mean of both losses, and the projected gradient."""
        seed = step_seed(self.seed, number)
        self.perturb(seed, 1)
        plus = self.loss(rows, classification)
        self.perturb(seed, -2)
        minus = self.loss(rows, classification)
        self.perturb(seed, 1)
        g = (plus - minus) / (2 * self.epsilon)
        torch.manual_seed(seed)
        for parameter in self.model.parameters():
            z = torch.normal(mean=0.0, std=1.0, size=parameter.shape)
            decay = self.decay if parameter.ndim > 1 else 0.0
            parameter.data = parameter.data - rate * (g * z + decay * parameter.data)
        return (plus + minus) / 2, g


@pytest.mark.parametrize(
    ("task", "values"),
    [
        ("copa", {}),
        ("copa", {"weight_decay": 1.0}),
        ("copa", {"gradient_accumulation": 3, "scheduler": "linear"}),
        ("cb", {}),
        ("cb", {"gradient_accumulation": 2, "weight_decay": 0.5}),
        ("arc", {"seed": 7}),
    ],
)
def test_losses_are_those_of_the_papers_algorithm(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    tiny_model: Path,
    task: str,
    values: dict[str, Any],
) -> None:
    data: Path = request.getfixturevalue(task)
    name = "arcc_mc" if task == "arc" else task
    values = {"learning_rate": 3e-4, "steps": 20, **values}
    directory = make_run(tmp_path, tiny_model, name, "zo", data, **values)
    trainer = trainer_of(directory)
    trainer.train()

    model, _ = load_model(str(tiny_model), "float32", "cpu")
    seed = values.get("seed", 0)
    paper = PaperMeZO(model, 1e-3, values.get("weight_decay", 0.0), seed)
    train = trainer.data.train
    order = batch_indices(len(train), 4 * values.get("gradient_accumulation", 1), seed=seed)
    lines = [line for line in directory.metrics() if "loss" in line]
    assert len(lines) == 20
    for number, line in enumerate(lines, 1):
        rows = [train[index] for index in next(order)]
        loss, g = paper.step(rows, line["learning_rate"], number, classification=task != "copa")
        # Relative: the rounding of float32 grows with the loss, and differs between processors.
        assert line["loss"] == pytest.approx(loss, rel=1e-5, abs=1e-5)
        assert line["g"] == pytest.approx(g, abs=1e-2)
    moved = abs(losses(directory)[-1] - losses(directory)[0])
    assert moved > 1e-3, "the run must change the weights"


def weights_along_a_run(
    model: Any, directory: Path, values: ZOHyperparameters, steps: int
) -> list[dict[str, torch.Tensor]]:
    """Return the weights before the first step and after each."""
    method = ZerothOrder(values)
    method.prepare(model, directory)
    ids = torch.arange(40).view(4, 10)
    along = [{name: p.clone() for name, p in method.trained().items()}]
    for step in range(1, steps + 1):
        method.step([lambda: model(ids, labels=ids).loss], 1e-3, step, measure=False)
        along.append({name: p.clone() for name, p in method.trained().items()})
    return along


def assert_same(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


@pytest.mark.parametrize("decay", [0.0, 0.5])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_trajectory_replays_to_the_last_bit_at_any_step(
    tmp_path: Path, tiny_model: Path, dtype: Any, decay: float
) -> None:
    values = ZOHyperparameters(learning_rate=1e-3, weight_decay=decay, weights_dtype=dtype)
    model, _ = load_model(str(tiny_model), dtype, "cpu")
    along = weights_along_a_run(model, tmp_path, values, steps=6)
    assert not torch.equal(*(w["model.embed_tokens.weight"] for w in (along[0], along[6])))
    for step in (0, 2, 6):
        method = ZerothOrder(values)
        method.prepare(load_model(str(tiny_model), dtype, "cpu")[0])
        method.restore(tmp_path, step, best=False)
        assert_same(method.trained(), along[step])


def test_a_perturbation_is_the_same_cached_or_generated_again(model: Any) -> None:
    weights = [p.data for p in model.parameters()]
    half = sum(p.numel() for p in weights) // 2
    seeds = (3, 3, 4, 3)
    found = [
        [[z.clone() for _, z in perturbation.sweep(seed)] for seed in seeds]
        for perturbation in (Perturbation(weights, cached) for cached in (0, half, 2 * half + 1))
    ]
    for sweep in range(len(seeds)):
        torch.manual_seed(seeds[sweep])
        plain = [torch.normal(mean=0.0, std=1.0, size=p.shape) for p in weights]
        for way in found:
            assert all(torch.equal(a, b) for a, b in zip(way[sweep], plain, strict=True))


def test_an_interrupted_sweep_does_not_affect_the_next(model: Any) -> None:
    weights = [p.data for p in model.parameters()]
    perturbation = Perturbation(weights)
    complete = [z.clone() for _, z in perturbation.sweep(1)]
    next(perturbation.sweep(2))
    again = [z.clone() for _, z in perturbation.sweep(1)]
    assert all(torch.equal(a, b) for a, b in zip(complete, again, strict=True))
    interrupted = perturbation.sweep(2)
    next(interrupted)
    second = [z.clone() for _, z in perturbation.sweep(2)]
    assert not torch.equal(second[-1], complete[-1])
    fresh = [z for _, z in Perturbation(weights).sweep(2)]
    assert all(torch.equal(a, b) for a, b in zip(second, fresh, strict=True))


def test_an_incomplete_last_line_of_the_trajectory_is_not_a_step(
    tmp_path: Path, model: Any
) -> None:
    weights_along_a_run(model, tmp_path, ZOHyperparameters(learning_rate=1e-3), steps=3)
    file = tmp_path / TRAJECTORY_NAME
    file.write_bytes(file.read_bytes()[:-5])
    assert [step.step for step in read_trajectory(tmp_path, 2)] == [1, 2]
    with pytest.raises(DataError, match="has 2 steps, not 3"):
        read_trajectory(tmp_path, 3)


def test_an_invalid_trajectory_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not a zo run"):
        read_trajectory(tmp_path, 1)
    (tmp_path / TRAJECTORY_NAME).write_text('{}\n{"step": 1}\n')
    with pytest.raises(DataError, match="not a trajectory"):
        read_trajectory(tmp_path, 1)


def test_both_forward_passes_see_the_same_function(tmp_path: Path) -> None:
    config = GPT2Config(vocab_size=50, n_embd=8, n_layer=1, n_head=1, n_positions=16)
    model = GPT2LMHeadModel(config).train()
    ids = torch.arange(12).view(1, 12)
    ZerothOrder(ZOHyperparameters(learning_rate=1e-3)).prepare(model)
    assert len({float(model(ids, labels=ids).loss.detach()) for _ in range(4)}) == 1


def update_cosine(directory: RunDirectory) -> float:
    """Return the lowest update_cosine of all steps."""
    return min(line["update_cosine"] for line in directory.metrics() if "loss" in line)


@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_float32_keeps_the_update_and_bfloat16_loses_most_of_it(
    tmp_path: Path, tiny_model: Path, copa: Path, decay: float
) -> None:
    cosine = {}
    for dtype in ("float32", "bfloat16"):
        values = {"learning_rate": 1e-6, "weights_dtype": dtype, "weight_decay": decay}
        directory = make_run(tmp_path / dtype, tiny_model, "copa", "zo", copa, **values)
        train(directory)
        cosine[dtype] = update_cosine(directory)
    assert cosine["float32"] == pytest.approx(1, abs=1e-3)
    assert cosine["bfloat16"] < 0.5


def test_every_step_of_every_seed_has_a_different_perturbation() -> None:
    seeds = {step_seed(seed, step) for seed in range(20) for step in range(1, 500)}
    assert len(seeds) == 20 * 499
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert step_seed(0, 1) == step_seed(0, 1)
