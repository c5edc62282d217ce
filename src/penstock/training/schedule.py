"""The learning rate of each step."""

from __future__ import annotations

import math

from penstock.training.hyperparameters import Hyperparameters


def learning_rate(values: Hyperparameters, step: int) -> float:
    """Return the rate of step number `step` (from 1).

    It rises linearly over the warm-up, reaches the peak at its last step, and then stays
    (constant) or falls to zero after the last step (linear, cosine).
    """
    warmup = math.ceil(values.warmup * values.steps) if values.warmup < 1 else int(values.warmup)
    if step <= warmup:
        return values.learning_rate * step / warmup
    if values.scheduler == "constant":
        return values.learning_rate
    done = (step - 1 - warmup) / max(1, values.steps - warmup)
    if values.scheduler == "linear":
        return values.learning_rate * (1 - done)
    return values.learning_rate * (1 + math.cos(math.pi * done)) / 2
