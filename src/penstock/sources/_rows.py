"""What sources of files, and sources of rows, have in common: their settings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Self

from pydantic import Field, model_validator

from penstock.batches import RowBatch, RowStats
from penstock.sources._base import Source
from penstock.sources._fields import FieldChoice
from penstock.sources._finding import find_files

_BATCH_CHARACTERS = 1 << 20
_BATCH_ROWS = 1 << 13


class FileSource(Source):
    """A source that reads files."""

    path: str | list[str] = Field(
        min_length=1,
        description="A file, a pattern (`*`, `**`), a URL, or a list of these.",
    )

    def inputs(self) -> list[str]:
        """Return the files; those of one pattern are in natural order, and none comes twice."""
        return find_files(self.path)


class FieldSource(Source):
    """A source whose rows have fields: one is the text, others go with it as its metadata."""

    text: str | None = Field(
        "text",
        min_length=1,
        description="The field that is the text; `a.b` is the field b of the object a. null: rows "
        "are their metadata alone.",
    )
    metadata: list[str] | dict[str, str] | None = Field(
        None,
        description="The fields to keep beside the text: a list, or new names and their fields. "
        "null: all.",
    )
    optional: list[str] = Field(
        default_factory=list,
        description="The names of metadata that a row may lack; they are null there.",
    )

    @property
    def kept(self) -> dict[str, str] | None:
        """The field of each name of metadata, None for all fields."""
        if self.metadata is None or isinstance(self.metadata, dict):
            return self.metadata
        return dict(zip(self.metadata, self.metadata, strict=True))

    def choice(self) -> FieldChoice:
        """Return what makes rows of records."""
        return FieldChoice(self.text, self.kept, self.optional)

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        kept = self.kept or {}
        if self.text is None and self.kept == {}:
            raise ValueError("`text: null` needs metadata: without both, a row is nothing")
        if "text" in kept:
            raise ValueError("metadata cannot be named 'text': that is the name of the text itself")
        unknown = [name for name in self.optional if name not in kept]
        if unknown:
            raise ValueError(f"optional names '{unknown[0]}', which is not under metadata")
        return self


class RowSource(FieldSource, FileSource):
    """A source of files whose rows have fields."""


def chosen(
    records: Iterable[tuple[int, dict[str, Any]]], choice: FieldChoice, stats: RowStats
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the rows of numbered records; a record that lacks something goes to the stats."""
    for number, record in records:
        row, problem = choice.choose(record)
        if row is None:
            stats.bad(number, problem)
        else:
            yield number, row


def in_batches(rows: Iterable[tuple[int, dict[str, Any]]]) -> Iterator[RowBatch]:
    """Yield numbered rows in batches of about a million characters of text."""
    kept: list[dict[str, Any]] = []
    numbers: list[int] = []
    characters = 0
    for number, row in rows:
        kept.append(row)
        numbers.append(number)
        characters += _characters(row)
        if characters >= _BATCH_CHARACTERS or len(numbers) == _BATCH_ROWS:
            yield RowBatch(kept, numbers)
            kept, numbers, characters = [], [], 0
    if numbers:
        yield RowBatch(kept, numbers)


def _characters(row: dict[str, Any]) -> int:
    """Return the length of the text of a row, or of all its text where none is named so."""
    text = row.get("text")
    if isinstance(text, str):
        return len(text)
    return sum(map(_length, row.values()))


def _length(value: object) -> int:
    """Return the length of a text, or of all texts in a list or an object."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(map(_length, value.values()))
    return sum(map(_length, value)) if isinstance(value, list) else 0
