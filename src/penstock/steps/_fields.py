"""Fields of a row as keys: why one cannot be, and its value as plain bytes."""

from __future__ import annotations

import orjson

from penstock.fields import MISSING


def problem_with(value: object, name: str) -> str | None:
    """Say why a field cannot be used as a key: it is absent or null. None when it can."""
    if value is MISSING:
        return f"the field '{name}' is absent"
    return f"the field '{name}' is null" if value is None else None


def canonical(value: object) -> bytes:
    """Return bytes that are equal for equal values alone: text and numbers never meet.

    Raises TypeError for what JSON cannot hold.
    """
    if isinstance(value, str):
        return b"t" + value.encode("utf-8", "surrogatepass")
    return b"j" + orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
