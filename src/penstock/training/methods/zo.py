"""MeZO: two forward passes per step and no gradients (Malladi et al. 2023, arXiv 2305.17333).

With a perturbation z drawn from the step's seed, the loss is evaluated at θ + εz and θ − εz; their
difference over 2ε is the projected gradient g, and θ moves by −lr·(g·z + decay·θ). Restoring θ and
updating it is one sweep over the weights: three sweeps per step instead of the paper's four.

`trajectory.jsonl` records ε and the weight decay, then seed, g and learning rate of each step.
About 70 bytes per step replace checkpoints of any size: replaying the steps on the base model
rebuilds the weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import orjson
from pydantic import Field

from penstock.errors import DataError
from penstock.training.hyperparameters import Hyperparameters
from penstock.training.methods._base import Method, Microbatch, has_weight_decay

if TYPE_CHECKING:
    import torch
    from torch import Tensor

TRAJECTORY_NAME = "trajectory.jsonl"
#: Elements of each tensor that are sampled when the update is measured.
_SAMPLE = 1024
#: Elements of z that are cached on the CPU, where generating them takes longer than all else but
#: the forward passes: 1 GiB.
_CACHED_ELEMENTS = 1024**3 // 4


class ZOHyperparameters(Hyperparameters):
    """Hyperparameters of zo."""

    zo_eps: float = Field(1e-3, gt=0, description="The scale ε of the perturbation.")


class ZerothOrder(Method):
    """MeZO on all weights of the model, in place."""

    name = "zo"
    Hyperparameters: ClassVar[type[Hyperparameters]] = ZOHyperparameters
    hyperparameters: ZOHyperparameters

    def prepare(self, model: torch.nn.Module, directory: Path | None = None) -> torch.nn.Module:
        """Take the model in evaluation mode: both forward passes must see the same function."""
        self._trajectory = None if directory is None else directory / TRAJECTORY_NAME
        if self._trajectory is not None:
            values = self.hyperparameters
            header = {"zo_eps": values.zo_eps, "weight_decay": values.weight_decay}
            self._trajectory.write_bytes(orjson.dumps(header) + b"\n")
        self.model = model.eval()
        self.parameters = [p.data for p in model.parameters() if p.requires_grad]
        self._perturbation = Perturbation(self.parameters)
        return model

    def step(
        self, microbatches: Sequence[Microbatch], learning_rate: float, step: int, *, measure: bool
    ) -> dict[str, float]:
        """Evaluate twice and update; `loss` is the mean of both losses."""
        import torch

        epsilon = self.hyperparameters.zo_eps
        seed = step_seed(self.hyperparameters.seed, step)
        before = [_sample(p).clone() for p in self.parameters] if measure else None
        with torch.no_grad():
            self._perturb(seed, epsilon)
            plus = sum(float(microbatch()) for microbatch in microbatches)
            self._perturb(seed, -2 * epsilon)
            minus = sum(float(microbatch()) for microbatch in microbatches)
        g = (plus - minus) / (2 * epsilon)
        record = TrajectoryStep(step=step, seed=seed, g=g, learning_rate=learning_rate)
        measured = self._restore_and_update(record, before)
        if self._trajectory is not None:
            # One write per step, so that a kill leaves complete lines.
            with self._trajectory.open("ab", buffering=0) as stream:
                stream.write(orjson.dumps(asdict(record)) + b"\n")
        return {"loss": (plus + minus) / 2, "g": g, **measured}

    def restore(self, directory: Path, step: int, *, best: bool) -> None:
        """Replay the recorded updates without forward passes.

        The sweeps are those of training, so that the weights are identical to the last bit on the
        same kind of device.
        """
        epsilon = self.hyperparameters.zo_eps
        for record in read_trajectory(directory, step):
            self._perturb(record.seed, epsilon)
            self._perturb(record.seed, -2 * epsilon)
            self._restore_and_update(record, None)

    def _perturb(self, seed: int, scale: float) -> None:
        for parameter, z in self._perturbation.sweep(seed):
            parameter.add_(z, alpha=scale)

    def _restore_and_update(
        self, record: TrajectoryStep, before: Sequence[Tensor] | None
    ) -> dict[str, float]:
        """Go from θ − εz to the updated θ.

        With samples of the weights `before` the step, return the cosine of the intended and the
        actual update. In low precision most of a small update is lost to rounding, which no other
        metric shows; 1 means that nothing was lost.
        """
        epsilon, rate = self.hyperparameters.zo_eps, record.learning_rate
        product = intended_norm = actual_norm = 0.0
        for index, (parameter, z) in enumerate(self._perturbation.sweep(record.seed)):
            decay = self.hyperparameters.weight_decay if has_weight_decay(parameter) else 0.0
            if decay:
                parameter.mul_(1 - rate * decay)
            parameter.add_(z, alpha=(1 - rate * decay) * epsilon - rate * record.g)
            if before is not None:
                intended = -rate * (record.g * _sample(z) + decay * before[index])
                actual = _sample(parameter) - before[index]
                product += float(intended @ actual)
                intended_norm += float(intended @ intended)
                actual_norm += float(actual @ actual)
        if not intended_norm:
            return {}
        if not actual_norm:
            return {"update_cosine": 0.0}
        return {"update_cosine": product / (intended_norm * actual_norm) ** 0.5}


def _sample(tensor: Tensor) -> Tensor:
    return tensor.flatten()[:_SAMPLE].float()


def step_seed(seed: int, step: int) -> int:
    """Return the seed of a step's perturbation, below 2**63, from the run's seed."""
    return int(np.random.SeedSequence((seed, step)).generate_state(1, np.uint64)[0] >> 1)


class Perturbation:
    """z over some parameters, in order: standard normal numbers that a seed reproduces.

    z is as large as the weights and needed several times per step. It is generated each time into
    one buffer of the size of the largest tensor; on the CPU its first `cached_elements` are cached
    between sweeps. Its numbers are generated as float32 and rounded to the type of the weights.
    """

    def __init__(
        self, parameters: Sequence[Tensor], cached_elements: int = _CACHED_ELEMENTS
    ) -> None:
        import torch

        device = parameters[0].device
        sizes = [parameter.numel() for parameter in parameters]
        if device.type != "cpu":
            cached_elements = 0
        self._parameters = parameters
        self._generator = torch.Generator(device)
        self._cached = [
            torch.empty(size, dtype=torch.float32, device=device)
            for size, end in zip(sizes, accumulate(sizes), strict=True)
            if end <= cached_elements
        ]
        largest = max(sizes[len(self._cached) :], default=0)
        self._buffer = torch.empty(largest, dtype=torch.float32, device=device)
        self._seed: int | None = None
        #: The state of the generator after the cached part.
        self._state = self._generator.get_state()

    def sweep(self, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield each parameter with its part of z."""
        fresh = seed != self._seed
        if fresh:
            self._seed = None  # until the cache is complete for this seed
            self._generator.manual_seed(seed)
        for parameter, z in zip(self._parameters, self._cached, strict=False):
            if fresh:
                z.normal_(generator=self._generator)
            yield parameter, z.view(parameter.shape).to(parameter.dtype)
        if fresh:
            self._seed, self._state = seed, self._generator.get_state()
        else:
            self._generator.set_state(self._state)
        for parameter in self._parameters[len(self._cached) :]:
            z = self._buffer[: parameter.numel()].normal_(generator=self._generator)
            yield parameter, z.view(parameter.shape).to(parameter.dtype)


@dataclass(frozen=True)
class TrajectoryStep:
    """One update: its number (from 1), the seed of z, the projected gradient, the learning rate."""

    step: int
    seed: int
    g: float
    learning_rate: float


def read_trajectory(directory: Path, last_step: int) -> list[TrajectoryStep]:
    """Return the steps of a run from 1 to `last_step`.

    Raises DataError if the file is missing, malformed, or has fewer steps.
    """
    path = directory / TRAJECTORY_NAME
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
        steps = [TrajectoryStep(**orjson.loads(line)) for line in lines[1 : last_step + 1]]
    except FileNotFoundError:
        raise DataError("there is no such file; this is not a zo run", file=path) from None
    except (orjson.JSONDecodeError, TypeError) as error:
        raise DataError(f"not a trajectory ({error})", file=path) from None
    if [step.step for step in steps] != list(range(1, last_step + 1)):
        raise DataError(f"has {len(steps)} steps, not {last_step}", file=path)
    return steps


METHOD = ZerothOrder
