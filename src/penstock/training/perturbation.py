"""The perturbation z of a zo step: standard normal numbers that a seed brings back.

z is as large as the weights, and needed several times in a step. It is drawn anew each time, into
one buffer of the size of the largest tensor. On the CPU, where drawing takes longer than all else
but the forward passes, the first gigabyte of it is kept from one sweep to the next.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate

import torch
from torch import Tensor

_KEPT_ELEMENTS = 1024**3 // 4


class Perturbation:
    """z over some parameters, in their order: the same for the same seed, kept or not.

    Its numbers are drawn as float32, and rounded to the type of the weights.
    """

    def __init__(self, parameters: Sequence[Tensor], kept_elements: int = _KEPT_ELEMENTS) -> None:
        device = parameters[0].device
        sizes = [parameter.numel() for parameter in parameters]
        if device.type != "cpu":
            kept_elements = 0
        self._parameters = parameters
        self._generator = torch.Generator(device)
        self._kept = [
            torch.empty(size, dtype=torch.float32, device=device)
            for size, end in zip(sizes, accumulate(sizes), strict=True)
            if end <= kept_elements
        ]
        drawn = sizes[len(self._kept) :]
        self._buffer = torch.empty(max(drawn, default=0), dtype=torch.float32, device=device)
        self._seed: int | None = None
        #: Where the generator stands after what is kept.
        self._state = self._generator.get_state()

    def sweep(self, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield each parameter with its part of z."""
        fresh = seed != self._seed
        if fresh:
            self._seed = None  # until all that is kept is of this seed
            self._generator.manual_seed(seed)
        for parameter, z in zip(self._parameters, self._kept, strict=False):
            if fresh:
                z.normal_(generator=self._generator)
            yield parameter, _as(parameter, z)
        if fresh:
            self._seed, self._state = seed, self._generator.get_state()
        else:
            self._generator.set_state(self._state)
        for parameter in self._parameters[len(self._kept) :]:
            z = self._buffer[: parameter.numel()].normal_(generator=self._generator)
            yield parameter, _as(parameter, z)


def _as(parameter: Tensor, z: Tensor) -> Tensor:
    return z.view(parameter.shape).to(parameter.dtype)
