"""The fields of a row: found by name, dotted for what lies within another, and as plain bytes."""

from __future__ import annotations

from typing import Any, Final

import orjson

#: What `find` returns where a row has no such field.
ABSENT: Final = object()

_KINDS = {str: "text", bool: "true or false", int: "a number", float: "a number", list: "a list"}
_KINDS |= {dict: "an object", type(None): "null"}


def find(row: dict[str, Any], name: str) -> Any:
    """Return the value of a field, or ABSENT.

    `patient.id` is the field of that very name or, where there is none, `id` within `patient`.
    """
    value = row.get(name, ABSENT)
    if value is not ABSENT or "." not in name:
        return value
    value = row
    for part in name.split("."):
        if type(value) is not dict or part not in value:
            return ABSENT
        value = value[part]
    return value


def kind_of(value: object) -> str:
    """Say what a value is without saying the value."""
    return _KINDS.get(type(value), f"a value of the type {type(value).__name__}")


def problem_with(value: object, name: str) -> str | None:
    """Say why a field cannot be used as a key: it is absent or null. None when it can."""
    if value is ABSENT:
        return f"the field '{name}' is absent"
    return f"the field '{name}' is null" if value is None else None


def canonical(value: object) -> bytes:
    """Return bytes that are equal for equal values alone: text and numbers never meet.

    Raises TypeError for what JSON cannot hold.
    """
    if isinstance(value, str):
        return b"t" + value.encode("utf-8", "surrogatepass")
    return b"j" + orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
