"""Cohorts: large JSON documents with records in nested lists, read as a stream.

For `{"cohort": "2009-01", "patients": [{"patient_id": "P1", "notes": [{"note_text": "..."}]}]}`:

    records: patients[*].notes[*]
    text: note_text
    metadata: {type: note_type, patient: ^patient_id, cohort: ^^cohort}

Each `^` goes up to the parent record.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from contextlib import closing
from typing import Any, NamedTuple, Self

from pydantic import Field, field_validator, model_validator

from penstock.batches import RowBatch, RowStats
from penstock.errors import DataError, did_you_mean
from penstock.fields import MISSING, find, kind_of, quoted_name
from penstock.files import plural
from penstock.json_items import CheckedJson, InvalidJsonError, json_items, json_parser
from penstock.sources._base import FileSource, InputSplit
from penstock.sources._files import AGAIN, open_decompressed, reading
from penstock.sources._rows import (
    SURROGATES_HINT,
    FieldSelection,
    FieldSource,
    Numbered,
    Surrogates,
    in_batches,
)

#: Fixes for some faults of a document.
_HINTS = {"truncated": AGAIN, "surrogate": SURROGATES_HINT}
_NAMES = re.compile(r"[^.\[\]^*]+(\.[^.\[\]^*]+)*")


class _JsonStream:
    """The values of a JSON document by their path, in ijson's notation.

    `path` is a file, compressed or not, or a URL. A lone surrogate becomes U+FFFD with
    `replace_surrogates`, otherwise it is a DataError.
    """

    def __init__(self, path: str, *, replace_surrogates: bool = False) -> None:
        self.path = path
        self.replace_surrogates = replace_surrogates
        #: The number of lone surrogates that the last pass replaced.
        self.replaced = 0

    def items(self, path: str) -> Generator[Any]:
        """Yield every value at a path; the elements of a list are `item`.

        Raises DataError, with the number of the last element, for invalid JSON. Raises DataError
        after the last element if the list occurs twice: the parser yields the elements of both.
        """
        count = 0
        name = path.removesuffix("item").removesuffix(".")
        with reading(self.path), open_decompressed(self.path) as stream:
            checked = CheckedJson(stream, name.split(".")[-1], replace=self.replace_surrogates)
            try:
                for value in json_items(checked, path):
                    yield value
                    count += 1
            except InvalidJsonError as error:
                after = f" after {name}[{count - 1}]" if count else ""
                hint = f"; {_HINTS[error.fault]}" if error.fault in _HINTS else ""
                raise DataError(f"{error.reason}{after}{hint}", file=self.path) from None
            self.replaced = checked.replaced
        if name and name != path and checked.seen > 1:  # the other may be a text or a nested key
            self._refuse_repeated(name)

    def first(self, path: str) -> Any:
        """Return the first value at a path, or MISSING."""
        with closing(self.items(path)) as values:
            return next(values, MISSING)

    def require_list(self, name: str) -> None:
        """Raise DataError unless the document has the list `name` (if empty: is itself a list)."""
        keys: list[str] = []
        with reading(self.path), open_decompressed(self.path) as stream:
            for path, event, value in json_parser().parse(stream, use_float=True):
                if path == name and event == "start_array":
                    return
                if path == "" and event == "map_key":
                    keys.append(value)
        if not name:
            message = "is not a list; `records` must begin with the name of one"
        elif name in keys:
            message = f"'{name}' is not a list; see `records`"
        else:
            message = f"has no list '{name}'{did_you_mean(name, keys)}; see `records`"
        raise DataError(message, file=self.path)

    def _refuse_repeated(self, name: str) -> None:
        """Raise DataError if the list `name` (dotted), or an object around it, occurs twice."""
        above, _, last = name.rpartition(".")
        if above:
            self._refuse_repeated(above)
        with reading(self.path), open_decompressed(self.path) as stream:
            events = json_parser().parse(stream, use_float=True)
            count = sum(event == (above, "map_key", last) for event in events)
        if count > 1:
            message = f"the key {quoted_name(last)} occurs twice in one object"
            raise DataError(message, file=self.path)


class _FoundRecord(NamedTuple):
    """A record with its path (`patients[3].notes[2]`) and its parents, the outermost first.

    If the value at the path is not a record or a list of records, `problem` says so.
    """

    path: str
    record: dict[str, Any]
    parents: tuple[dict[str, Any], ...] = ()
    problem: str = ""


class _RecordPath:
    """The nested lists that contain the records of a document.

    `lists` has the dotted name of each list within its parent, the outermost first. The first name
    is empty if the document itself is the list (`[*].notes[*]`).
    """

    def __init__(self, text: str) -> None:
        """Parse a path; raises ValueError if it is invalid."""
        first, *others = text.removesuffix("[*]").split("[*]")
        self.lists = [first, *(name.removeprefix(".") for name in others)]
        named = all(_NAMES.fullmatch(name) for name in self.lists[not first :])
        if not text.endswith("[*]") or not named or not all(n.startswith(".") for n in others):
            raise ValueError(
                "must name a list, or lists in lists, as in 'notes[*]' or 'patients[*].notes[*]'"
            )

    @property
    def levels(self) -> int:
        """The number of parents of a record, including the document if it is an object."""
        return len(self.lists) - (self.lists[0] == "")

    @property
    def outermost(self) -> str:
        """The path of the elements of the outermost list, in ijson's notation."""
        return f"{self.lists[0]}.item" if self.lists[0] else "item"

    def records_in(
        self, element: Any, path: str, parents: tuple[dict[str, Any], ...], level: int = 1
    ) -> Iterator[_FoundRecord | None]:
        """Yield the records in an element of the outermost list.

        Yields None for an object whose inner list is missing or null.
        """
        if not isinstance(element, dict):
            yield _FoundRecord(path, {}, problem=f"{kind_of(element)}, must be an object")
        elif level == len(self.lists):
            yield _FoundRecord(path, element, parents)
        else:
            name = self.lists[level]
            inner = find(element, name)
            if inner is MISSING or inner is None:
                yield None
            elif not isinstance(inner, list):
                problem = f"{kind_of(inner)}, must be a list"
                yield _FoundRecord(f"{path}.{name}", {}, problem=problem)
            else:
                parents = (*parents, element)
                for index, value in enumerate(inner):
                    yield from self.records_in(value, f"{path}.{name}[{index}]", parents, level + 1)


class CohortsSource(FieldSource, FileSource):
    """Rows from the records of JSON documents; each file is one document and one input split.

    One element of the outermost list is in memory at a time. Fields of the document itself may be
    before or after that list; if they are after it, the file is read twice.
    """

    records: str = Field(
        description="The records: the elements of a list, or of a list in each element of another "
        "(`patients[*].notes[*]`)."
    )
    metadata: list[str] | dict[str, str] | None = Field(
        None,
        description="The fields to keep besides the text: a list, or a map of new names to "
        "fields. `^field` belongs to the parent record, `^^field` to the parent of that one. null: "
        "all fields of the record itself.",
    )
    surrogates: Surrogates = "error"

    @field_validator("records")
    @classmethod
    def _check_records(cls, records: str) -> str:
        _RecordPath(records)
        return records

    @model_validator(mode="after")
    def _check_parents(self) -> Self:
        levels = _RecordPath(self.records).levels
        for field in [self.text or "text", *(self.kept or {}).values()]:
            parents = len(field) - len(field.lstrip("^"))
            if parents == len(field):
                raise ValueError(f"'{field}' names no field")
            if parents > levels:
                raise ValueError(f"'{field}' goes up more levels than '{self.records}' has")
        if (self.text or "").startswith("^"):
            raise ValueError(f"the text must be a field of the record itself, not '{self.text}'")
        return self

    def read(self, input_split: InputSplit, stats: RowStats) -> Iterator[RowBatch]:
        """Yield the rows of a file, numbered as its records are.

        Raises DataError if the file is not JSON or is truncated, or lacks the lists of `records`.
        """
        yield from in_batches(self._rows(input_split.path, stats))

    def _rows(self, path: str, stats: RowStats) -> Iterator[Numbered]:
        selection = FieldSelection(self.text, self.kept, self.optional, parents=True)
        records = _RecordPath(self.records)
        outer = records.lists[0]
        stream = _JsonStream(path, replace_surrogates=self.surrogates == "replace")
        document = (self._document_fields(stream, records.levels),) if outer else ()
        elements = number = without = 0
        for element in stream.items(records.outermost):
            for found in records.records_in(element, f"{outer}[{elements}]", document):
                if found is None:
                    without += 1
                    continue
                row, problem = None, found.problem
                if not problem:
                    row, problem = selection.select(found.record, found.parents)
                if row is None:
                    stats.bad(number, f"{found.path}: {problem}")
                else:
                    yield number, row
                number += 1
            elements += 1
        stats.note("surrogates_replaced", stream.replaced)
        stats.note("without_records", without)
        if not elements:
            stream.require_list(outer)
        elif not number and without >= elements:
            raise DataError(
                f"none of {plural(elements, 'element')} of {outer}[*] has the list "
                f"'{records.lists[1]}'; see `records`",
                file=path,
            )

    def _document_fields(self, stream: _JsonStream, levels: int) -> dict[str, Any]:
        """Return the fields of the document itself that rows keep, wherever they are in it."""
        fields = [field for field in (self.kept or {}).values() if field.startswith("^" * levels)]
        found = {field[levels:]: stream.first(field[levels:]) for field in fields}
        return {name: value for name, value in found.items() if value is not MISSING}


SOURCE = CohortsSource
