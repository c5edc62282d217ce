"""Cohorts: JSON documents of records in lists, too big to load, streamed.

For `{"cohort": "2009-01", "patients": [{"patient_id": "P1", "notes": [{"note_text": "..."}]}]}`:

    records: patients[*].notes[*]
    text: note_text
    metadata: {type: note_type, patient: ^patient_id, cohort: ^^cohort}

A `^` climbs to the record above.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

from pydantic import Field, field_validator, model_validator

from penstock.batches import RowBatch, RowStats
from penstock.errors import DataError
from penstock.fields import MISSING
from penstock.files import plural
from penstock.sources._base import InputSplit
from penstock.sources._fields import FieldChoice
from penstock.sources._files import size_of
from penstock.sources._json_stream import JsonStream
from penstock.sources._records import BadPlace, Found, RecordPath
from penstock.sources._rows import RowSource, in_batches
from penstock.sources._surrogates import Surrogates


class CohortsSource(RowSource):
    """Rows from the records of JSON documents; each file is one document and one input_split.

    What is held in memory is one element of the outermost list at a time. Fields of the document
    itself may stand before that list or behind it; behind it, the file is read twice.
    """

    records: str = Field(
        description="The records: the elements of a list, or of a list in each element of another "
        "(`patients[*].notes[*]`)."
    )
    metadata: list[str] | dict[str, str] | None = Field(
        None,
        description="The fields to keep beside the text: a list, or new names and their fields. "
        "`^field` is one of the record above, `^^field` of the one above that. null: all of the "
        "record's own.",
    )
    surrogates: Surrogates = "error"

    @field_validator("records")
    @classmethod
    def _names_lists(cls, records: str) -> str:
        RecordPath(records)
        return records

    @model_validator(mode="after")
    def _fields_can_be_reached(self) -> Self:
        levels = RecordPath(self.records).levels
        text = [] if self.text is None else [self.text]
        for field in [*text, *(self.kept or {}).values()]:
            climbed = len(field) - len(field.lstrip("^"))
            if climbed == len(field):
                raise ValueError(f"'{field}' names no field")
            if climbed > levels:
                raise ValueError(f"'{field}' climbs higher than '{self.records}' goes")
        if any(field.startswith("^") for field in text):
            raise ValueError(f"the text must be a field of the record itself, not '{self.text}'")
        return self

    def input_splits(self, piece_bytes: int) -> list[InputSplit]:
        """Return the files, one input_split each."""
        return [InputSplit(path, size=size_of(path) or 0) for path in self.inputs()]

    def read(self, input_split: InputSplit, stats: RowStats) -> Iterator[RowBatch]:
        """Yield the rows of a file; their numbers are those of its records.

        Raises DataError for what is not JSON or breaks off, and where no list is what `records`
        says.
        """
        yield from in_batches(self._rows(input_split.path, stats))

    def place(self, input_split: InputSplit, number: int) -> tuple[str, int]:
        """Return the file and which of its records (from 1) a row is."""
        return input_split.path, number + 1

    def _rows(self, path: str, stats: RowStats) -> Iterator[tuple[int, dict[str, Any]]]:
        choice = FieldChoice(self.text, self.kept, self.optional, climbs=True)
        for number, found in enumerate(self._records(path, stats)):
            if isinstance(found, BadPlace):
                stats.bad(number, found.reason)
                continue
            row, problem = choice.choose(found.record, found.parents)
            if row is None:
                stats.bad(number, f"{found.place}: {problem}")
            else:
                yield number, row

    def _records(self, path: str, stats: RowStats) -> Iterator[Found | BadPlace]:
        """Yield every record of a file, and what stands where one should be."""
        records = RecordPath(self.records)
        stream = JsonStream(path, replace_surrogates=self.surrogates == "replace")
        above = (self._document_fields(stream, records.levels),) if records.lists[0] else ()
        elements = found_any = without = 0
        for element in stream.items(records.outermost):
            for found in records.below(element, f"{records.lists[0]}[{elements}]", above):
                if found is None:
                    without += 1
                else:
                    found_any += 1
                    yield found
            elements += 1
        stats.note("surrogates_replaced", stream.replaced)
        stats.note("without_records", without)
        if not elements:
            stream.refuse_without(records.lists[0])
        elif not found_any and without >= elements:
            raise DataError(
                f"none of {plural(elements, 'element')} of {records.lists[0]}[*] has the list "
                f"'{records.lists[1]}'; see `records`",
                file=path,
            )

    def _document_fields(self, stream: JsonStream, levels: int) -> dict[str, Any]:
        """Return the fields of the document itself that rows take, wherever they stand in it."""
        fields = [field for field in (self.kept or {}).values() if field.startswith("^" * levels)]
        found = {field[levels:]: stream.first(field[levels:]) for field in fields}
        return {name: value for name, value in found.items() if value is not MISSING}


SOURCE = CohortsSource
