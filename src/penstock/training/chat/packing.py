"""Which conversations share a row of tokens."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from penstock.steps import STEPS, Arranging, Order


def pack(lengths: Sequence[int], max_length: int) -> list[list[int]]:
    """Return rows of conversations, by their index, that have at most `max_length` tokens each.

    They are packed by best fit, as the step `pack` does it, and come in the order of their first
    conversations. `lengths` are in tokens, from 1 to `max_length`.
    """
    step = STEPS.get("pack").model_validate({"context": max_length, "shuffle": False})
    count = len(lengths)
    order = Order(
        starts=np.arange(count),  # the number of a conversation stands for its address
        lengths=np.asarray(lengths, np.int32),
        first=np.arange(count + 1),
    )
    packed = step.arrange(order, Arranging(seed=0))
    return [row.tolist() for row in np.split(packed.starts, packed.first[1:-1])]
