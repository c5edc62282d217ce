"""Kinds of field: which values are valid, and the problem with any other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

#: A finding code and a message about the value.
Problem = tuple[str, str]

_TYPE_NAMES = {
    str: "text",
    int: "an integer",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "an object",
}


class Kind:
    """What a field may hold: a value of one of `types`, without subclasses."""

    types: ClassVar[tuple[type, ...]]

    def problem(self, value: Any) -> Problem | None:
        """Return the code and message of what is wrong with `value`, or None."""
        expected = _TYPE_NAMES[self.types[-1]]
        if value is None:
            return "field-null", f"is null, must be {expected}"
        if type(value) not in self.types:
            found = _TYPE_NAMES.get(type(value), "something else")
            return "field-type", f"is {found}, must be {expected}"
        return self._problem(value)

    def _problem(self, value: Any) -> Problem | None:
        """Return what is wrong with a value of the right type."""
        return None


class Integer(Kind):
    """An integer; `true` and `1.0` are not."""

    types = (int,)


class Number(Kind):
    """An integer or a float."""

    types = (int, float)


class Boolean(Kind):
    """`true` or `false`; 0 and 1 are not."""

    types = (bool,)


class Text(Kind):
    """Text that is not empty or white space."""

    types = (str,)

    def _problem(self, value: str) -> Problem | None:
        return ("field-empty", "is empty") if not value or value.isspace() else None


class Choice(Kind):
    """One of several words."""

    types = (str,)

    def __init__(self, *words: str) -> None:
        self.words = words

    def _problem(self, value: str) -> Problem | None:
        if value in self.words:
            return None
        words = ", ".join(word or "(empty)" for word in self.words)
        return "field-value", f"is '{value[:40]}', must be one of {words}"


class Label(Kind):
    """The index of a class, named by `names`; -1 marks the unlabelled rows of a test file."""

    types = (int,)

    def __init__(self, *names: str) -> None:
        self.names = names

    def _problem(self, value: int) -> Problem | None:
        if -1 <= value < len(self.names):
            return None
        meaning = ", ".join(f"{index} ({name})" for index, name in enumerate(self.names))
        return "label-range", f"is {value}, must be {meaning}"


class ListOf(Kind):
    """A list with at least `at_least` entries of one kind."""

    types = (list,)

    def __init__(self, kind: Kind, *, at_least: int = 0) -> None:
        self.kind = kind
        self.at_least = at_least

    def _problem(self, value: list[Any]) -> Problem | None:
        if len(value) < self.at_least:
            return "field-empty", f"has {len(value)} entries, must have at least {self.at_least}"
        for index, item in enumerate(value):
            if problem := self.kind.problem(item):
                return problem[0], f"[{index}] {problem[1]}"
        return None


class Record(Kind):
    """An object with exactly these fields."""

    types = (dict,)

    def __init__(self, fields: Mapping[str, Kind]) -> None:
        self.fields = dict(fields)

    def _problem(self, value: dict[str, Any]) -> Problem | None:
        for name, kind in self.fields.items():
            if name not in value:
                return "field-missing", f".{name} is missing"
            if problem := kind.problem(value[name]):
                return problem[0], f".{name} {problem[1]}"
        unknown = [name for name in value if name not in self.fields]
        return ("field-extra", f".{unknown[0]} is not a known field") if unknown else None
