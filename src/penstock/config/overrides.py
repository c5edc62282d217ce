"""Overrides of a document's values: `key.path=value` on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any

import yaml

from penstock.config.document import (
    Document,
    KeyPath,
    Mark,
    error_at,
    load,
    plain_value,
    secret_error,
)
from penstock.redaction import holds_secret, redact_text

#: The file name in errors about an override.
COMMAND_LINE = "command line"
_MARK = Mark(None, None, COMMAND_LINE, "")
_SECRET_FIX = "remove it from the command line"


def apply_overrides(document: Document, overrides: Sequence[str]) -> None:
    """Apply `key.path=value` overrides to a document.

    Values are parsed as YAML: `1e-6`, `null`, `[1, 2]`, `{a: 1}`, `"1"`. Other text is taken
    literally, with its `#` and `: `. A list item is addressed by its index from 0.

    Raises ConfigError for an override without `=`, a path through a value that is neither a mapping
    nor a list, an index out of range, or a secret.
    """
    for override in overrides:
        path, equals, text = override.partition("=")
        key_path: KeyPath = tuple(part.strip() for part in path.split("."))
        if not equals or "" in key_path:
            message = f"'{redact_text(override)}': an override has the form key.path=value"
            raise error_at(_MARK, message)
        key_path = _with_indices(document, key_path)
        value = _parse_value(text.strip(), key_path)
        # Errors about the value now point to the command line, not to a line of the file.
        for known in [k for k in document.marks if k[: len(key_path)] == key_path]:
            del document.marks[known]
        document.marks[key_path] = _MARK
        for depth in range(1, len(key_path)):
            document.marks.setdefault(key_path[:depth], _MARK)
        _set(document, key_path, value)


def _parse_value(text: str, key_path: KeyPath) -> Any:
    if text.startswith(("[", "{", '"', "'")):
        return load(Document(data={}, file=COMMAND_LINE, text=text), key_path, _SECRET_FIX)
    name = str(key_path[-1])
    try:
        value = plain_value(text)
    except yaml.MarkedYAMLError as error:
        raise error_at(_MARK, str(error.problem), key_path) from None
    if holds_secret(name, value):
        raise secret_error(_MARK, name, value, key_path, _SECRET_FIX)
    return value


def _set(document: Document, key_path: KeyPath, value: Any) -> None:
    *parents, last = key_path
    target: Any = document.data
    for part in parents:
        inner = target.get(part) if isinstance(target, dict) else target[part]
        if isinstance(target, list) and isinstance(inner, str) and inner in key_path:
            inner = {inner: {}}  # a name without settings, as in `steps: [pad]`, gets some
        if inner is not None and not isinstance(inner, dict | list):
            raise document.error(f"'{part}' is not a mapping in {document.file}", key_path)
        # Copied, because an alias may share the value with another key.
        target[part] = copy(inner) if inner is not None else {}
        target = target[part]
    target[last] = value


def _with_indices(document: Document, key_path: KeyPath) -> KeyPath:
    """Return a key path whose list indices are integers; raises ConfigError if out of range."""
    found: list[str | int] = []
    value: Any = document.data
    for part in key_path:
        if isinstance(value, list):
            if not str(part).isdecimal() or int(part) >= len(value):
                message = f"the list has no item '{part}'; its items are 0 to {len(value) - 1}"
                raise error_at(_MARK, message if value else "the list is empty", key_path)
            part = int(part)
            value = value[part]
        else:
            value = value.get(part) if isinstance(value, dict) else None
        found.append(part)
    return tuple(found)
