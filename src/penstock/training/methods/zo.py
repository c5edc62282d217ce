"""MeZO: two forward passes a step and no gradients (Malladi et al. 2023, arXiv 2305.17333).

With a perturbation z drawn from the step's own seed, the loss is taken at θ + εz and at θ − εz;
their difference over 2ε is g, and θ moves by −lr·(g·z + decay·θ). The way back to θ and the
update are one sweep over the weights: three a step where the paper's algorithm has four.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from pydantic import Field

from penstock.training.hyperparameters import Hyperparameters
from penstock.training.methods._base import LossPart, Method, decays
from penstock.training.trajectory import Trajectory, TrajectoryStep, read_trajectory

if TYPE_CHECKING:
    import torch
    from torch import Tensor

#: How many elements of each tensor stand for it when the update is measured.
_SAMPLE = 1024


class ZOHyperparameters(Hyperparameters):
    """What zo adds."""

    zo_eps: float = Field(1e-3, gt=0, description="The length ε of the perturbation.")


class ZerothOrder(Method):
    """MeZO on every weight of the model, in place."""

    name = "zo"
    Hyperparameters: ClassVar[type[Hyperparameters]] = ZOHyperparameters

    hyperparameters: ZOHyperparameters

    def __init__(self, hyperparameters: ZOHyperparameters) -> None:
        super().__init__(hyperparameters)
        self.trajectory = Trajectory(hyperparameters.zo_eps, hyperparameters.weight_decay)

    def prepare(self, model: torch.nn.Module, directory: Path | None = None) -> torch.nn.Module:
        """Take the model in evaluation mode: both probes must see the same function."""
        from penstock.training.perturbation import Perturbation

        if directory is not None:
            self.trajectory.open(directory)
        self.model = model.eval()
        self.parameters = [p.data for p in model.parameters() if p.requires_grad]
        self._perturbation = Perturbation(self.parameters)
        return model

    def step(
        self, parts: Sequence[LossPart], learning_rate: float, step: int, *, measure: bool
    ) -> dict[str, float]:
        """Probe twice and move; `loss` is the mean of both probes."""
        import torch

        epsilon = self.hyperparameters.zo_eps
        seed = step_seed(self.hyperparameters.seed, step)
        before = [_sample(p).clone() for p in self.parameters] if measure else None
        with torch.no_grad():
            self._perturb(seed, epsilon)
            plus = sum(float(part()) for part in parts)
            self._perturb(seed, -2 * epsilon)
            minus = sum(float(part()) for part in parts)
        g = (plus - minus) / (2 * epsilon)
        taken = TrajectoryStep(step=step, seed=seed, g=g, learning_rate=learning_rate)
        arrived = self._restore_and_update(taken, before)
        self.trajectory.append(taken)
        return {"loss": (plus + minus) / 2, "g": g, **arrived}

    def restore(self, directory: Path, step: int, *, best: bool) -> None:
        """Make the recorded updates again without a forward pass.

        The sweeps are those of training, so that the weights come out the same to the last bit on
        the same kind of device.
        """
        epsilon = self.hyperparameters.zo_eps
        for taken in read_trajectory(directory, step):
            self._perturb(taken.seed, epsilon)
            self._perturb(taken.seed, -2 * epsilon)
            self._restore_and_update(taken, None)

    def _perturb(self, seed: int, scale: float) -> None:
        for parameter, z in self._perturbation.sweep(seed):
            parameter.add_(z, alpha=scale)

    def _restore_and_update(
        self, taken: TrajectoryStep, before: Sequence[Tensor] | None
    ) -> dict[str, float]:
        """Go from θ − εz to the updated θ; measure what arrived where samples are given."""
        epsilon, rate = self.hyperparameters.zo_eps, taken.learning_rate
        arrival = _Arrival()
        for index, (parameter, z) in enumerate(self._perturbation.sweep(taken.seed)):
            decay = self.hyperparameters.weight_decay if decays(parameter) else 0.0
            if decay:
                parameter.mul_(1 - rate * decay)
            parameter.add_(z, alpha=(1 - rate * decay) * epsilon - rate * taken.g)
            if before is not None:
                intended = -rate * (taken.g * _sample(z) + decay * before[index])
                arrival.add(intended, _sample(parameter) - before[index])
        return arrival.metrics() if before is not None else {}


def _sample(tensor: Tensor) -> Tensor:
    return tensor.flatten()[:_SAMPLE].float()


class _Arrival:
    """How much of the intended update reached the weights, over a sample of them.

    In low precision most of a small update is lost to rounding, and nothing else tells.
    """

    def __init__(self) -> None:
        self.product = self.intended = self.actual = 0.0

    def add(self, intended: Tensor, actual: Tensor) -> None:
        self.product += float(intended @ actual)
        self.intended += float(intended @ intended)
        self.actual += float(actual @ actual)

    def metrics(self) -> dict[str, float]:
        """Return the cosine of the intended and the actual update; 1 when nothing was lost."""
        if not self.intended:
            return {}
        if not self.actual:
            return {"update_cosine": 0.0}
        return {"update_cosine": self.product / (self.intended * self.actual) ** 0.5}


def step_seed(seed: int, step: int) -> int:
    """Return the seed of a step's perturbation, below 2**63, from the run's seed."""
    return int(np.random.SeedSequence((seed, step)).generate_state(1, np.uint64)[0] >> 1)


METHOD = ZerothOrder
