"""Fields of records: found by path, and chosen for the rows of a build."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from penstock.fields import MISSING, find, kind_of


class FieldPath:
    """A field by its name, or by the names that lead to it with dots between them.

    A field whose own name has dots in it is found by that name first.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def get(self, record: Any) -> Any:
        """Return the value of the field, MISSING where there is none."""
        return find(record, self.name)

    def remove(self, record: dict[str, Any]) -> None:
        """Take the field, which is there, out of the record."""
        if self.name in record:
            del record[self.name]
            return
        *above, last = self.name.split(".")
        for part in above:
            record = record[part]
        del record[last]


class FieldChoice:
    """Makes the row of a build, with its text under `text`, of a record of the input.

    Without a `text`, the row is its metadata alone.
    `kept` gives the field of each name of metadata; None keeps every field. A field that begins
    with one or more `^`, where `climbs`, is one of the record's parent, of that one's parent, ...
    """

    def __init__(
        self,
        text: str | None,
        kept: Mapping[str, str] | None,
        optional: Collection[str],
        *,
        climbs: bool = False,
    ) -> None:
        self._text = None if text is None else FieldPath(text)
        self._keeps_all = kept is None
        self._kept = [
            (name, *_climb(field, climbs), name in optional) for name, field in (kept or {}).items()
        ]

    def choose(
        self, record: dict[str, Any], parents: Sequence[Any] = ()
    ) -> tuple[dict[str, Any] | None, str]:
        """Return the row (it may be the record itself), or None and what is wrong with it."""
        row: dict[str, Any] = {}
        if self._text is not None:
            text = self._text.get(record)
            if type(text) is not str:
                return None, _no_text(text, self._text.name)
            if self._keeps_all:
                return _all_of(record, text, self._text)
            row["text"] = text
        elif self._keeps_all:
            return record, ""
        for name, levels, path, optional in self._kept:
            value = path.get(parents[-levels] if levels else record)
            if value is MISSING:
                if not optional:
                    said = f"the field '{'^' * levels}{path.name}' is missing"
                    return None, f"{said}; list '{name}' under `optional` if rows may lack it"
                value = None
            row[name] = value
        return row, ""


def _all_of(
    record: dict[str, Any], text: str, field: FieldPath
) -> tuple[dict[str, Any] | None, str]:
    """Return the record with its text under `text`, or None and what is wrong with it."""
    if field.name == "text":
        return record, ""
    if "text" in record:
        return None, f"has a field 'text' beside '{field.name}'; list under metadata what to keep"
    field.remove(record)
    record["text"] = text
    return record, ""


def _no_text(value: Any, name: str) -> str:
    if value is MISSING:
        return f"the field '{name}' is missing; `text` names the field of the text"
    return f"the field '{name}' is {kind_of(value)}, must be text"


def _climb(field: str, climbs: bool) -> tuple[int, FieldPath]:
    name = field.lstrip("^") if climbs else field
    return len(field) - len(name), FieldPath(name)
