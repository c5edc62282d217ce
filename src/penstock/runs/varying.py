"""What the runs of a grid differ in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from penstock.runs.records import RunConfig


def varying(configs: Iterable[RunConfig]) -> list[str]:
    """Return the hyperparameters that runs of the same task and method differ in, in their order.

    What a task or a method brings along by itself tells none of its runs from another.
    """
    seen: dict[str, dict[tuple[str, str], set[Any]]] = {}
    for config in configs:
        for name, value in config.hyperparameters.items():
            values = seen.setdefault(name, {}).setdefault((config.task, config.method), set())
            values.add(value)
    return [name for name, groups in seen.items() if any(len(v) > 1 for v in groups.values())]
