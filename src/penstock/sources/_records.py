"""Which values of a JSON document are records: `patients[*].notes[*]`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from penstock.fields import MISSING, kind_of
from penstock.sources._fields import FieldPath

_NAMES = re.compile(r"[^.\[\]^*]+(\.[^.\[\]^*]+)*")


@dataclass(frozen=True)
class BadPlace:
    """Something where a record, or a list of records, should be; `reason` names its place."""

    reason: str


@dataclass(frozen=True)
class Found:
    """A record, the records above it from the outermost, and its place (`patients[3].notes[2]`)."""

    record: dict[str, Any]
    parents: tuple[dict[str, Any], ...]
    place: str


class RecordPath:
    """The lists in lists that hold the records of a document.

    `lists` has the path of each from what holds it, the outermost first; the path is empty where
    what holds it is the list itself (`[*].notes[*]`, a document that is a list).
    """

    def __init__(self, text: str) -> None:
        """Raises ValueError for what is no such path."""
        first, *others = text.removesuffix("[*]").split("[*]")
        self.lists = [first, *(name.removeprefix(".") for name in others)]
        named = all(_NAMES.fullmatch(name) for name in self.lists[not first :])
        if not text.endswith("[*]") or not named or not all(n.startswith(".") for n in others):
            raise ValueError(
                "must name a list, or lists in lists, as in 'notes[*]' or 'patients[*].notes[*]'"
            )

    @property
    def levels(self) -> int:
        """How often a field may climb: to each record above, and to the document if an object."""
        return len(self.lists) - (self.lists[0] == "")

    @property
    def outermost(self) -> str:
        """The path of the elements of the outermost list, as ijson writes it."""
        return f"{self.lists[0]}.item" if self.lists[0] else "item"

    def below(
        self, element: Any, place: str, parents: tuple[dict[str, Any], ...]
    ) -> Iterator[Found | BadPlace | None]:
        """Yield the records of an element of the outermost list.

        None stands for an object that has no such list, or null for it.
        """
        yield from self._walk(element, place, parents, 1)

    def _walk(
        self, element: Any, place: str, parents: tuple[dict[str, Any], ...], level: int
    ) -> Iterator[Found | BadPlace | None]:
        if not isinstance(element, dict):
            yield BadPlace(f"{place} is {kind_of(element)}, must be an object")
        elif level == len(self.lists):
            yield Found(element, parents, place)
        else:
            name = self.lists[level]
            inner = FieldPath(name).get(element)
            if inner is MISSING or inner is None:
                yield None
            elif not isinstance(inner, list):
                yield BadPlace(f"{place}.{name} is {kind_of(inner)}, must be a list")
            else:
                for index, value in enumerate(inner):
                    where = f"{place}.{name}[{index}]"
                    yield from self._walk(value, where, (*parents, element), level + 1)
