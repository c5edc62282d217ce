"""Text tables: comma-separated values (RFC 4180) and similar; plain, .gz or .zst."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from typing import Literal

from pydantic import Field

from penstock.batches import RowStats
from penstock.errors import DataError
from penstock.files import plural
from penstock.sources._base import InputSplit
from penstock.sources._csv_records import (
    Undecodable,
    plain_records,
    quoted_records,
    record_starts,
)
from penstock.sources._files import size_of, suffixes
from penstock.sources._lines import LineSource, LineSplit, cut_at_lines
from penstock.sources._rows import Numbered, RecordSource
from penstock.sources._tables import wanted_columns

#: Common delimiters, as written in YAML.
_DELIMITERS = {"\t": '"\\t"', ",": '","', ";": '";"', "|": '"|"'}


class CsvSource(RecordSource, LineSource):
    """Rows from tables with one record per line; every value is text.

    Files are cut into input splits between records; quoted fields may span several lines. Rows are
    numbered by their first line.
    """

    delimiter: str | None = Field(
        None,
        min_length=1,
        max_length=1,
        description="What separates fields; null: a tab in files named .tsv or .tab, else a comma.",
    )
    quoting: Literal["standard", "none"] = Field(
        "standard",
        description="standard: a field may be in double quotes, which are doubled within it. "
        "none: a quote is a normal character.",
    )
    columns: list[str] | None = Field(
        None,
        min_length=1,
        description="The names of the columns; null: files have a header line.",
    )
    undecodable: Undecodable = "error"

    def input_splits(self, split_bytes: int) -> list[InputSplit]:
        """Return byte ranges of plain files, cut between records."""
        splits = super().input_splits(split_bytes)
        return splits if self.quoting == "none" else self._cut_at_records(splits)

    def first_split(self, split_bytes: int) -> InputSplit:
        """Return the first input split; a file with quotes is read only up to its end."""
        first = cut_at_lines(self.inputs()[0], split_bytes)[:2]
        return first[0] if self.quoting == "none" else self._cut_at_records(first)[0]

    def read_records(self, input_split: InputSplit, stats: RowStats) -> Iterator[Numbered]:
        path = input_split.path
        names = self.columns or self._header(path)
        known = (self.text, *(self.columns or ()), *(self.kept or {}).values())
        if names[0] not in known and (hint := self._other_delimiter(names)):
            raise DataError(f"the first line is one field{hint}", file=path, line=1)
        # The first line of a file without names may be a row, so its fields are not shown.
        line, shown = (None, True) if self.columns else (1, False)
        wanted_columns(self, names, path, line, shown=shown)
        rows = self._fields(input_split, stats)
        if self.columns is None and input_split.start == 0:
            next(rows)
        for number, fields in rows:
            if len(fields) == len(names):
                yield number, dict(zip(names, fields, strict=True))
            elif fields:
                hint = self._other_delimiter(fields, len(names))
                stats.bad(number, f"{plural(len(fields), 'field')}, must be {len(names)}{hint}")
            else:
                stats.bad(number, "an empty line")

    def _header(self, path: str) -> list[str]:
        input_split = InputSplit(path)
        # These stats skip nothing: a bad first line is an error.
        rows = self._fields(input_split, RowStats(lambda number: self.locate(input_split, number)))
        _, names = next(rows, (0, None))
        if not names:
            raise DataError(
                "must begin with a line of names; else list them under columns", file=path
            )
        return names

    @staticmethod
    def _other_delimiter(fields: list[str], wanted: int | None = None) -> str:
        """Return a hint if another delimiter splits a single field into `wanted` or several."""
        for delimiter, shown in _DELIMITERS.items():
            count = fields[0].count(delimiter) + 1 if len(fields) == 1 else 1
            if count > 1 and count == (wanted or count):
                return f"; it has {count} with `delimiter: {shown}`"
        return ""

    def _cut_at_records(self, splits: Sequence[InputSplit]) -> list[InputSplit]:
        """Move the boundaries of byte ranges to the next start of a record."""
        found: list[InputSplit] = []
        for path, group in groupby(splits, key=lambda split: split.path):
            starts = [split.start for split in group][1:]
            size = size_of(path) or 0
            delimiter = self._delimiter(path)
            if starts and delimiter.isascii():
                inner = record_starts(path, delimiter, starts)
                bounds = sorted({0, *(start for start in inner if start < size), size})
                found += [LineSplit(path, a, b, b - a) for a, b in pairwise(bounds)]
            else:
                found.append(InputSplit(path, size=size))
        return found

    def _delimiter(self, path: str) -> str:
        return self.delimiter or ("\t" if {".tsv", ".tab"} & {*suffixes(path)} else ",")

    def _fields(self, input_split: InputSplit, stats: RowStats) -> Iterator[tuple[int, list[str]]]:
        records = plain_records if self.quoting == "none" else quoted_records
        return records(input_split, self._delimiter(input_split.path), self.undecodable, stats)


SOURCE = CsvSource
