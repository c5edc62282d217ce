"""`key.path=value` on the command line, laid over a document."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any

import yaml

from penstock.config._yaml12 import plain_value
from penstock.config.document import Document, KeyPath, Mark, error_at, load, secret_error
from penstock.redaction import holds_secret, redact_text

#: How an error names the place of what was given as an override.
COMMAND_LINE = "command line"
_MARK = Mark(None, None, COMMAND_LINE, "")
_MEND = "remove it from the command line"


def apply_overrides(document: Document, overrides: Sequence[str]) -> None:
    """Set `key.path=value` overrides in a document.

    Values are read as in YAML: `1e-6` and `null`, `[1, 2]`, `{a: 1}` and `"1"`. Other text is taken
    as it is, with its `#` and `: `. An item of a list is named by its number, from 0.

    Raises ConfigError for an override that has no `=`, that passes through a value that is neither
    a mapping nor a list, that names no item of a list, or that holds a secret.
    """
    for override in overrides:
        path, equals, text = override.partition("=")
        place: KeyPath = tuple(part.strip() for part in path.split("."))
        if not equals or "" in place:
            message = f"'{redact_text(override)}': an override has the form key.path=value"
            raise error_at(_MARK, message)
        place = _indices_as_numbers(document, place)
        value = _value(text.strip(), place)
        # From now on the value's place is the command line, not a line of the file.
        for known in [k for k in document.marks if k[: len(place)] == place]:
            del document.marks[known]
        document.marks[place] = _MARK
        for depth in range(1, len(place)):
            document.marks.setdefault(place[:depth], _MARK)
        _set(document, place, value)


def _value(text: str, place: KeyPath) -> Any:
    if text.startswith(("[", "{", '"', "'")):
        return load(Document(data={}, file=COMMAND_LINE, text=text), place, _MEND)
    name = str(place[-1])
    try:
        value = plain_value(text)
    except yaml.MarkedYAMLError as error:
        raise error_at(_MARK, str(error.problem), place) from None
    if holds_secret(name, value):
        raise secret_error(_MARK, name, value, place, _MEND)
    return value


def _set(document: Document, place: KeyPath, value: Any) -> None:
    *above, last = place
    target: Any = document.data
    for part in above:
        inner = target.get(part) if isinstance(target, dict) else target[part]
        if isinstance(target, list) and isinstance(inner, str) and inner in place:
            inner = {inner: {}}  # a name alone, as `steps: [pad]` has it, takes settings
        if inner is not None and not isinstance(inner, dict | list):
            raise document.error(f"'{part}' is not a mapping in {document.file}", place)
        # A copy, as an alias may share the mapping with another key.
        target[part] = copy(inner) if inner is not None else {}
        target = target[part]
    target[last] = value


def _indices_as_numbers(document: Document, place: KeyPath) -> KeyPath:
    """Return a place with the indices of lists as numbers, from 0; raises ConfigError beyond."""
    numbered: list[str | int] = []
    value: Any = document.data
    for part in place:
        if isinstance(value, list):
            if not str(part).isdecimal() or int(part) >= len(value):
                message = f"'{part}' is no item of the list; number one from 0 to {len(value) - 1}"
                raise error_at(_MARK, message, place)
            part = int(part)
            value = value[part]
        else:
            value = value.get(part) if isinstance(value, dict) else None
        numbered.append(part)
    return tuple(numbered)
