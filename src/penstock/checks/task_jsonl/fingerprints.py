"""What tells rows apart: a hash of their main text, and one of all that a model is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from penstock.checks._text import normalise
from penstock.tasks import Task


def text_hash(text: str) -> int:
    """Return the hash of a text's normalised form."""
    return hash(normalise(text))


class Fingerprint(NamedTuple):
    """Hashes of a row, texts normalised; they hold within one process."""

    #: Of the main text, the first text field: the one that synthetic data rephrases. It is what
    #: `text_hash` gives.
    text: int
    #: Of every field but the id and the label.
    content: int


class Fingerprints:
    """Takes the fingerprints of a task's rows."""

    def __init__(self, task: Task) -> None:
        self._main, *self._texts = task.text_fields
        apart = {*task.text_fields, task.id_field, task.label_field}
        self._rest = [field for field in task.fields if field not in apart]

    def of(self, row: Mapping[str, Any]) -> Fingerprint:
        """Return the fingerprint of a row that fits its task."""
        text = normalise(row[self._main])
        parts: list[Any] = [text]
        parts += [normalise(row[field]) for field in self._texts]
        if self._rest:
            rest = [row[field] for field in self._rest]
            parts.append(orjson.dumps(rest, option=orjson.OPT_SORT_KEYS))
        return Fingerprint(hash(text), hash(tuple(parts)))
