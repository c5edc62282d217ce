"""The time of a step of `zo`, compared with MeZO as written in its paper.

The peer follows Algorithm 1 of the paper (arXiv 2305.17333) as public code does: four sweeps over
the weights, each with a new z tensor from `torch.normal` and a new tensor for the result. Both
start from the same random fp32 Llama of 58.5 M weights, with the same 16 x 64 tokens and the same
seeds, and must have the same losses. A step is also compared with its two forward passes, the lower
bound of any such method.

    python benchmarks/zo_step.py [--threads 1] [--steps 7]
"""

from __future__ import annotations

import argparse
import copy
import math
import statistics
import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM

from penstock.training.methods.zo import ZerothOrder, ZOHyperparameters, step_seed

EPSILON, RATE, SEED = 1e-3, 1e-6, 0


def random_llama() -> LlamaForCausalLM:
    """Return a Llama of 58.5 M random weights, in evaluation mode."""
    torch.manual_seed(SEED)
    config = LlamaConfig(
        vocab_size=30000,
        hidden_size=640,
        intermediate_size=2560,
        num_hidden_layers=6,
        num_attention_heads=10,
        tie_word_embeddings=True,
    )
    return LlamaForCausalLM(config).eval()


class Paper:
    """Four sweeps: perturb, perturb, restore, update."""

    def __init__(self, model: torch.nn.Module) -> None:
        self.parameters = list(model.parameters())

    def perturb(self, seed: int, scale: float) -> None:
        torch.manual_seed(seed)
        for parameter in self.parameters:
            parameter.data = parameter.data + scale * self.z(parameter) * EPSILON

    def z(self, parameter: Tensor) -> Tensor:
        return torch.normal(mean=0.0, std=1.0, size=parameter.size(), dtype=parameter.dtype)

    def step(self, loss: Callable[[], Tensor], number: int) -> float:
        """Make a step and return the mean of both losses."""
        seed = step_seed(SEED, number)
        with torch.no_grad():
            self.perturb(seed, 1)
            plus = float(loss())
            self.perturb(seed, -2)
            minus = float(loss())
        self.perturb(seed, 1)
        g = (plus - minus) / (2 * EPSILON)
        torch.manual_seed(seed)
        for parameter in self.parameters:
            parameter.data = parameter.data - RATE * (g * self.z(parameter))
        return (plus + minus) / 2


class Penstock:
    """The method as a run uses it."""

    def __init__(self, model: torch.nn.Module) -> None:
        values = ZOHyperparameters(learning_rate=RATE, zo_eps=EPSILON, seed=SEED)
        self.method = ZerothOrder(values)
        self.method.prepare(model)

    def step(self, loss: Callable[[], Tensor], number: int) -> float:
        """Make a step and return the mean of both losses."""
        return self.method.step([loss], RATE, number, measure=False)["loss"]


def two_forwards(loss: Callable[[], Tensor]) -> None:
    with torch.no_grad():
        loss()
        loss()


def main() -> int:
    """Run both, check that they agree, print the times."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=7)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    model = random_llama()
    models = {"paper": model, "penstock": copy.deepcopy(model)}
    steppers = {"paper": Paper(models["paper"]), "penstock": Penstock(models["penstock"])}
    ids = torch.randint(0, 30000, (16, 64), generator=torch.Generator().manual_seed(SEED))
    losses = {
        name: lambda model=model: model(input_ids=ids, labels=ids, use_cache=False).loss
        for name, model in models.items()
    }
    took: dict[str, list[float]] = {"paper": [], "penstock": [], "forwards": []}
    for number in range(1, options.steps + 1):
        start = time.perf_counter()
        two_forwards(losses["paper"])
        took["forwards"].append(time.perf_counter() - start)
        found = {}
        for name, stepper in steppers.items():
            start = time.perf_counter()
            found[name] = stepper.step(losses[name], number)
            took[name].append(time.perf_counter() - start)
        if not math.isclose(*found.values(), rel_tol=1e-5):
            print(f"step {number}: the losses differ: {found}", file=sys.stderr)
            return 1
    # The first step allocates memory that later ones reuse.
    median = {name: statistics.median(times[1:]) * 1e3 for name, times in took.items()}
    count = sum(parameter.numel() for parameter in model.parameters())
    print(f"{count / 1e6:.1f} M weights, 16 x 64 tokens, {options.threads} threads")
    print(f"{'two forwards':<14}{median['forwards']:8.0f} ms")
    for name in steppers:
        ratio, rest = median[name] / median["forwards"], median[name] - median["forwards"]
        print(f"{name:<14}{median[name]:8.0f} ms, {ratio:.2f} of two forwards, {rest:.0f} ms more")
    print(f"{'ratio':<14}{median['paper'] / median['penstock']:8.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
