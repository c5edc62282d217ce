"""Cohorts: large JSON documents with records in nested lists, read as a stream.

For `{"cohort": "2009-01", "patients": [{"patient_id": "P1", "notes": [{"note_text": "..."}]}]}`:

    records: patients[*].notes[*]
    text: note_text
    metadata: {type: note_type, patient: ^patient_id, cohort: ^^cohort}

Each `^` goes up to the parent record.
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
from penstock.sources._files import size_of
from penstock.sources._inputs import FileSource
from penstock.sources._json_records import JsonStream, RecordPath, Surrogates
from penstock.sources._rows import FieldSelection, FieldSource, Numbered, in_batches


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
        RecordPath(records)
        return records

    @model_validator(mode="after")
    def _check_parents(self) -> Self:
        levels = RecordPath(self.records).levels
        text = [] if self.text is None else [self.text]
        for field in [*text, *(self.kept or {}).values()]:
            parents = len(field) - len(field.lstrip("^"))
            if parents == len(field):
                raise ValueError(f"'{field}' names no field")
            if parents > levels:
                raise ValueError(f"'{field}' goes up more levels than '{self.records}' has")
        if any(field.startswith("^") for field in text):
            raise ValueError(f"the text must be a field of the record itself, not '{self.text}'")
        return self

    def input_splits(self, split_bytes: int) -> list[InputSplit]:
        """Return one input split per file."""
        return [InputSplit(path, size=size_of(path) or 0) for path in self.inputs()]

    def read(self, input_split: InputSplit, stats: RowStats) -> Iterator[RowBatch]:
        """Yield the rows of a file, numbered as its records are.

        Raises DataError if the file is not JSON or is truncated, or lacks the lists of `records`.
        """
        yield from in_batches(self._rows(input_split.path, stats))

    def _rows(self, path: str, stats: RowStats) -> Iterator[Numbered]:
        selection = FieldSelection(self.text, self.kept, self.optional, parents=True)
        records = RecordPath(self.records)
        outer = records.lists[0]
        stream = JsonStream(path, replace_surrogates=self.surrogates == "replace")
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

    def _document_fields(self, stream: JsonStream, levels: int) -> dict[str, Any]:
        """Return the fields of the document itself that rows keep, wherever they are in it."""
        fields = [field for field in (self.kept or {}).values() if field.startswith("^" * levels)]
        found = {field[levels:]: stream.first(field[levels:]) for field in fields}
        return {name: value for name, value in found.items() if value is not MISSING}


SOURCE = CohortsSource
