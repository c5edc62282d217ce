"""Sources whose rows are made from fields of records: settings, field selection and batches."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from penstock.batches import RowBatch, RowStats
from penstock.fields import MISSING, find, kind_of
from penstock.sources._base import InputSplit, Source

#: A record or row with its number within its input split.
Numbered = tuple[int, dict[str, Any]]

#: The policy for lone surrogates in JSON: halves of a character, which UTF-8 cannot encode.
Surrogates = Annotated[
    Literal["error", "replace"],
    Field(
        description="The treatment of a lone surrogate (half of a character, as in `\\ud83d`): an "
        "error, or replaced by U+FFFD and counted."
    ),
]
SURROGATES_HINT = "`surrogates: replace` replaces it by U+FFFD"

_BATCH_CHARACTERS = 1 << 20
_BATCH_ROWS = 1 << 13


class FieldSource(Source):
    """A source whose rows have fields: one is the text, the others are metadata."""

    text: str | None = Field(
        "text",
        min_length=1,
        description="The field with the text; `a.b` is the field b of the object a. null: rows "
        "have only metadata.",
    )
    metadata: list[str] | dict[str, str] | None = Field(
        None,
        description="The fields to keep besides the text: a list, or a map of new names to "
        "fields. null: all.",
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

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        kept = self.kept or {}
        if self.text is None and self.kept == {}:
            raise ValueError("`text: null` needs metadata; without both, rows are empty")
        if "text" in kept:
            raise ValueError("metadata cannot be named 'text': that is the name of the text itself")
        unknown = [name for name in self.optional if name not in kept]
        if unknown:
            raise ValueError(f"optional names '{unknown[0]}', which is not under metadata")
        return self


class RecordSource(FieldSource):
    """A source whose rows are made from the fields of one record each."""

    def read(self, input_split: InputSplit, stats: RowStats) -> Iterator[RowBatch]:
        """Yield the rows of an input split, numbered as its records are.

        Raises DataError if the file is truncated or corrupt, or lacks a required column.
        """
        selection = FieldSelection(self.text, self.kept, self.optional)
        yield from in_batches(_select(self.read_records(input_split, stats), selection, stats))

    @abstractmethod
    def read_records(self, input_split: InputSplit, stats: RowStats) -> Iterator[Numbered]:
        """Yield the numbered records of an input split; bad ones are reported to `stats`."""


class FieldSelection:
    """Makes the row of a build, with its text under `text`, from a record of the input.

    Without `text`, the row has only metadata. `kept` maps each name of metadata to a field; None
    keeps every field. With `parents`, a field with one or more leading `^` belongs to the parent
    of the record, to the parent of that parent, and so on.
    """

    def __init__(
        self,
        text: str | None,
        kept: Mapping[str, str] | None,
        optional: Collection[str],
        *,
        parents: bool = False,
    ) -> None:
        self._text = text
        self._keep_all = kept is None
        self._kept: list[tuple[str, int, str, bool]] = []
        for name, path in (kept or {}).items():
            field = path.lstrip("^") if parents else path
            self._kept.append((name, len(path) - len(field), field, name in optional))

    def select(
        self, record: dict[str, Any], parents: Sequence[Any] = ()
    ) -> tuple[dict[str, Any] | None, str]:
        """Return the row (possibly the record itself), or None and the problem."""
        row: dict[str, Any] = {}
        if self._text is not None:
            text = find(record, self._text)
            if type(text) is not str:
                missing = "is missing; `text` names the field with the text"
                problem = missing if text is MISSING else f"is {kind_of(text)}, must be text"
                return None, f"the field '{self._text}' {problem}"
            if self._keep_all:
                return _rename_text(record, text, self._text)
            row["text"] = text
        elif self._keep_all:
            return record, ""
        for name, levels, field, optional in self._kept:
            value = find(parents[-levels] if levels else record, field)
            if value is MISSING:
                if not optional:
                    return None, (
                        f"the field '{'^' * levels}{field}' is missing; list '{name}' under "
                        "`optional` if rows may lack it"
                    )
                value = None
            row[name] = value
        return row, ""


def _rename_text(record: dict[str, Any], text: str, name: str) -> tuple[dict[str, Any] | None, str]:
    """Move the text from the field `name`, which may be nested, to the field `text`."""
    if name == "text":
        return record, ""
    if "text" in record:
        return None, f"has a field 'text' besides '{name}'; list under metadata what to keep"
    *above, last = [name] if name in record else name.split(".")
    parent = record
    for part in above:
        parent = parent[part]
    del parent[last]
    record["text"] = text
    return record, ""


def _select(
    records: Iterable[Numbered], selection: FieldSelection, stats: RowStats
) -> Iterator[Numbered]:
    for number, record in records:
        row, problem = selection.select(record)
        if row is None:
            stats.bad(number, problem)
        else:
            yield number, row


def in_batches(rows: Iterable[Numbered]) -> Iterator[RowBatch]:
    """Yield numbered rows in batches of about a million characters of text."""
    kept: list[dict[str, Any]] = []
    numbers: list[int] = []
    characters = 0
    for number, row in rows:
        kept.append(row)
        numbers.append(number)
        text = row.get("text")
        characters += len(text) if isinstance(text, str) else _characters(row)
        if characters >= _BATCH_CHARACTERS or len(numbers) == _BATCH_ROWS:
            yield RowBatch(kept, numbers)
            kept, numbers, characters = [], [], 0
    if numbers:
        yield RowBatch(kept, numbers)


def _characters(value: object) -> int:
    """Return the length of a string, or of all strings in a list or an object."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(map(_characters, value.values()))
    return sum(map(_characters, value)) if isinstance(value, list) else 0
