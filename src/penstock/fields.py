"""The fields of a row: found by name, dotted for what lies within another."""

from __future__ import annotations

from typing import Any, Final

#: What `find` returns where a row has no such field.
MISSING: Final[Any] = object()

_LONGEST_NAME = 40

_KINDS: dict[type, str] = {
    dict: "an object",
    list: "a list",
    str: "text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    type(None): "null",
}


def find(row: Any, name: str) -> Any:
    """Return the value of a field, or MISSING.

    `patient.id` is the field of that very name or, where there is none, `id` within `patient`.
    """
    if isinstance(row, dict) and name in row:
        return row[name]
    for part in name.split("."):
        if not isinstance(row, dict) or part not in row:
            return MISSING
        row = row[part]
    return row


def kind_of(value: object) -> str:
    """Say what a value is without saying the value."""
    kinds = (words for kind, words in _KINDS.items() if isinstance(value, kind))
    return next(kinds, f"a value of the type {type(value).__name__}")


def called(name: str) -> str:
    """Return the name of a field in quotes; or its length, where it looks like text of a row."""
    if len(name) <= _LONGEST_NAME and not any(map(str.isspace, name)):
        return f"'{name}'"
    return f"of {len(name)} characters"
