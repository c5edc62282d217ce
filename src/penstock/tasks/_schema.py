"""Kinds of field: what a value must be, and what is wrong with it in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

#: A problem is a finding code and a message about the value.
Problem = tuple[str, str]


class Kind(Protocol):
    """What a field may hold."""

    def problem(self, value: Any) -> Problem | None:
        """Return the code and the words of what is wrong with `value`, or None."""
        ...


def _wrong_type(value: Any, wanted: str) -> Problem:
    if value is None:
        return "field-null", f"is null, must be {wanted}"
    return "field-type", f"is {_JSON_NAMES.get(type(value), 'something else')}, must be {wanted}"


_JSON_NAMES = {
    str: "text",
    int: "an integer",
    float: "a number",
    bool: "true or false",
    list: "a list",
    dict: "an object",
}


class Text:
    """Text with something in it."""

    def problem(self, value: Any) -> Problem | None:
        """Return what is wrong with `value`, or None."""
        if type(value) is not str:
            return _wrong_type(value, "text")
        if not value or value.isspace():
            return "field-empty", "is empty"
        return None


class Integer:
    """A whole number; `true` and `1.0` are not."""

    def problem(self, value: Any) -> Problem | None:
        """Return what is wrong with `value`, or None."""
        return None if type(value) is int else _wrong_type(value, "an integer")


class Number:
    """A number, whole or not."""

    def problem(self, value: Any) -> Problem | None:
        """Return what is wrong with `value`, or None."""
        return None if type(value) in (int, float) else _wrong_type(value, "a number")


class Boolean:
    """`true` or `false`; 0 and 1 are not."""

    def problem(self, value: Any) -> Problem | None:
        """Return what is wrong with `value`, or None."""
        return None if type(value) is bool else _wrong_type(value, "true or false")


class Choice:
    """One of some words."""

    def __init__(self, *words: str) -> None:
        self.words = words

    def problem(self, value: Any) -> Problem | None:
        """Return what is wrong with `value`, or None."""
        if type(value) is not str:
            return _wrong_type(value, "text")
        if value not in self.words:
            words = ", ".join(word or "(empty)" for word in self.words)
            return "field-value", f"is '{value[:40]}', must be one of {words}"
        return None


class Label:
    """The index of a class, named by `names`; -1 marks the unlabelled rows of a test file."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def problem(self, value: Any) -> Problem | None:
        """Return what is wrong with `value`, or None."""
        if type(value) is not int:
            return _wrong_type(value, "an integer")
        if not -1 <= value < len(self.names):
            meaning = ", ".join(f"{index} ({name})" for index, name in enumerate(self.names))
            return "label-range", f"is {value}, must be {meaning}"
        return None


class ListOf:
    """A list with at least `at_least` entries of one kind."""

    def __init__(self, kind: Kind, *, at_least: int = 0) -> None:
        self.kind = kind
        self.at_least = at_least

    def problem(self, value: Any) -> Problem | None:
        """Return what is wrong with `value`, or None."""
        if type(value) is not list:
            return _wrong_type(value, "a list")
        if len(value) < self.at_least:
            return "field-empty", f"has {len(value)} entries, must have at least {self.at_least}"
        for index, item in enumerate(value):
            if problem := self.kind.problem(item):
                return problem[0], f"[{index}] {problem[1]}"
        return None


class Record:
    """An object with exactly these fields."""

    def __init__(self, fields: Mapping[str, Kind]) -> None:
        self.fields = dict(fields)

    def problem(self, value: Any) -> Problem | None:
        """Return what is wrong with `value`, or None."""
        if type(value) is not dict:
            return _wrong_type(value, "an object")
        for name, kind in self.fields.items():
            if name not in value:
                return "field-missing", f".{name} is missing"
            if problem := kind.problem(value[name]):
                return problem[0], f".{name} {problem[1]}"
        extra = [name for name in value if name not in self.fields]
        return ("field-extra", f".{extra[0]} is not a known field") if extra else None
