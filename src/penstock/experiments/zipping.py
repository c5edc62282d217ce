"""`zip`: lists that go side by side are one dimension of the grid, not several."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from penstock.experiments.request import Request


@dataclass(frozen=True)
class Axis:
    """A dimension of the grid: keys that change together, and their values."""

    keys: tuple[str, ...]
    values: list[tuple[Any, ...]]


def zip_groups(request: Request) -> dict[str, int]:
    """Return the index of the group that each zipped key stands in.

    Raises ConfigError for a key that there is not, that is not given, or that stands there twice.
    """
    groups: dict[str, int] = {}
    for index, names in enumerate(request.experiment.zip):
        for position, name in enumerate(names):
            place = ("zip", index, position)
            key = request.full_key(name, place)
            if key == "method":
                message = "methods are not zipped; give each its own values under method"
                raise request.document.error(message, place)
            if not request.gives(key):
                raise request.document.error(f"{key} is not given: nothing to zip", place)
            if key in groups:
                raise request.document.error(f"{key} stands in zip twice", place)
            groups[key] = index
    return groups


def join(request: Request, lists: Mapping[str, list[Any]], groups: Mapping[str, int]) -> list[Axis]:
    """Return one axis for each list, and one for each group at the place of its first list.

    Raises ConfigError where the lists of a group differ in their length.
    """
    members: dict[str | int, list[str]] = {}
    for key in lists:
        members.setdefault(groups.get(key, key), []).append(key)
    axes = []
    for group, keys in members.items():
        lengths = {key: len(lists[key]) for key in keys}
        if len(set(lengths.values())) > 1:
            said = ", ".join(f"{key} has {length}" for key, length in lengths.items())
            message = f"lists that go side by side must be equally long; {said}"
            raise request.document.error(message, ("zip", group))
        values = list(zip(*(lists[key] for key in keys), strict=True))
        axes.append(Axis(tuple(keys), values))
    return axes
