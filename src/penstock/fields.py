"""Access to the fields of a row by name; a dotted name reaches into nested objects."""

from __future__ import annotations

from typing import Any, Final

#: Returned by `find` if a row has no such field.
MISSING: Final[Any] = object()

_MAX_QUOTED_LENGTH = 40

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

    `patient.id` is the field of exactly that name if there is one, else `id` in the object
    `patient`.
    """
    if isinstance(row, dict) and name in row:
        return row[name]
    for part in name.split("."):
        if not isinstance(row, dict) or part not in row:
            return MISSING
        row = row[part]
    return row


def kind_of(value: object) -> str:
    """Return the JSON type of a value in words, for messages that must not show the value."""
    kinds = (words for kind, words in _KINDS.items() if isinstance(value, kind))
    return next(kinds, f"a value of the type {type(value).__name__}")


def quoted_name(name: str) -> str:
    """Return a field name in quotes, or only its length if it may be text of a row."""
    if len(name) <= _MAX_QUOTED_LENGTH and not any(map(str.isspace, name)):
        return f"'{name}'"
    return f"of {len(name)} characters"
