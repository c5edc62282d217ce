"""`exclude`: the cells of the grid that are left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.experiments.cells import Cell, find_task
from penstock.experiments.request import HYPERPARAMETERS, Request
from penstock.runs import RunConfig


class Exclusion:
    """The rules of `exclude`: a cell that fits every key of a rule is left out.

    Raises ConfigError, at its place in the file, for a key that there is not.
    """

    def __init__(self, request: Request) -> None:
        self.rules = [_rule(request, index) for index in range(len(request.experiment.exclude))]
        self.used = [False] * len(self.rules)

    def leaves_out(self, cell: Cell, config: RunConfig) -> bool:
        """Say whether a rule fits; values that the file leaves to their defaults count too."""
        resolved = {HYPERPARAMETERS + name: v for name, v in config.hyperparameters.items()}
        values = {**cell, **resolved, "task": config.task}
        fitting = [
            all(key in values and values[key] in wanted for key, wanted in rule.items())
            for rule in self.rules
        ]
        self.used = [before or now for before, now in zip(self.used, fitting, strict=True)]
        return any(fitting)

    def notes(self) -> list[str]:
        """Name the rules that have left out nothing."""
        return [f"exclude[{i}] leaves out nothing" for i, used in enumerate(self.used) if not used]


def _rule(request: Request, index: int) -> Mapping[str, list[Any]]:
    """Return a rule with whole keys and lists of values."""
    written = request.experiment.exclude[index]
    if not written:
        raise request.document.error("an empty rule would leave out every run", ("exclude", index))
    rule: dict[str, list[Any]] = {}
    for name, wanted in written.items():
        place = ("exclude", index, name)
        key = request.full_key(name, place)
        if key in rule:
            raise request.document.error(f"{key} stands in the rule twice", place)
        values = wanted if isinstance(wanted, list) else [wanted]
        if key == "task":
            values = [find_task(request, value, place).name for value in values]
        rule[key] = values
    return rule
