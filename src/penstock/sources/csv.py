"""Tables of text: comma-separated values (RFC 4180) and their like; plain, .gz or .zst."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from typing import Any, Literal

from pydantic import Field

from penstock.batches import RowBatch, RowStats
from penstock.errors import DataError
from penstock.files import plural
from penstock.sources._base import InputSplit
from penstock.sources._columns import wanted_columns
from penstock.sources._csv_records import plain_records, quoted_records
from penstock.sources._files import size_of, suffixes
from penstock.sources._lines import LinePiece, cut_at_lines, line_place
from penstock.sources._rows import RowSource, chosen, in_batches
from penstock.sources._undecodable import Undecodable

#: What parts fields, as YAML has it.
_DELIMITERS = {"\t": '"\\t"', ",": '","', ";": '";"', "|": '"|"'}


class CsvSource(RowSource):
    """Rows from tables with one record a line; every value is text.

    Files are cut into input_splits where records end; quoted fields may go over several lines.
    """

    delimiter: str | None = Field(
        None,
        min_length=1,
        max_length=1,
        description="What parts the fields; null: a tab in files named .tsv or .tab, else a comma.",
    )
    quoting: Literal["standard", "none"] = Field(
        "standard",
        description="standard: a field may stand in double quotes, which are doubled within it. "
        "none: a quote is a character like others.",
    )
    columns: list[str] | None = Field(
        None,
        min_length=1,
        description="The names of the columns of files that have no header line; null: they do.",
    )
    undecodable: Undecodable = "error"

    def input_splits(self, piece_bytes: int) -> list[InputSplit]:
        """Return ranges of bytes of the files that can be cut, with quotes where a record ends."""
        input_splits = [
            input_split for path in self.inputs() for input_split in cut_at_lines(path, piece_bytes)
        ]
        return input_splits if self.quoting == "none" else self._at_records(input_splits)

    def beginning(self, piece_bytes: int) -> InputSplit:
        """Return the first input_split; a table with quotes is read no further than to its end."""
        first = cut_at_lines(self.inputs()[0], piece_bytes)[:2]
        return first[0] if self.quoting == "none" else self._at_records(first)[0]

    def read(self, input_split: InputSplit, stats: RowStats) -> Iterator[RowBatch]:
        """Yield the rows of an input split; their numbers are those of the lines on which they begin.

        Raises DataError for a file without the columns that are wanted, or with a quote that does
        not close or stands where none can.
        """
        yield from in_batches(chosen(self._records(input_split, stats), self.choice(), stats))

    def place(self, input_split: InputSplit, number: int) -> tuple[str, int]:
        """Return the file and the line on which a row begins."""
        return line_place(input_split, number)

    def _records(
        self, input_split: InputSplit, stats: RowStats
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        names = self.columns or self._header(input_split.path)
        self._refuse_delimiter(names, input_split.path)
        # A first line may be a row: its fields are not shown.
        wanted_columns(
            self,
            names,
            input_split.path,
            line=None if self.columns else 1,
            shown=self.columns is not None,
        )
        rows = self._fields(input_split, stats)
        if self.columns is None and input_split.start == 0:
            next(rows)
        for number, fields in rows:
            if len(fields) == len(names):
                yield number, dict(zip(names, fields, strict=True))
            elif fields:
                mend = self._other_delimiter(fields, len(names))
                stats.bad(number, f"{plural(len(fields), 'field')}, must be {len(names)}{mend}")
            else:
                stats.bad(number, "an empty line")

    def _header(self, path: str) -> list[str]:
        """Return the names on the first line of a file; nothing is skipped to find them."""
        input_split = InputSplit(path)
        rows = self._fields(input_split, RowStats(lambda number: self.place(input_split, number)))
        _, names = next(rows, (0, None))
        if not names:
            raise DataError(
                "must begin with a line of names; else list them under columns", file=path
            )
        return names

    def _refuse_delimiter(self, names: list[str], path: str) -> None:
        """Refuse a header that is one field by this delimiter and several by another."""
        known = (self.text, *(self.columns or ()), *(self.kept or {}).values())
        if names[0] not in known and (mend := self._other_delimiter(names)):
            raise DataError(f"the first line is one field{mend}", file=path, line=1)

    @staticmethod
    def _other_delimiter(fields: list[str], wanted: int | None = None) -> str:
        """Return the mend of a line that is one field, and `wanted` (or several) by another."""
        for delimiter, shown in _DELIMITERS.items():
            parts = fields[0].count(delimiter) + 1 if len(fields) == 1 else 1
            if parts > 1 and parts == (wanted or parts):
                return f"; it has {parts} with `delimiter: {shown}`"
        return ""

    def _at_records(self, input_splits: Sequence[InputSplit]) -> list[InputSplit]:
        """Return input_splits, cut at any byte, as input_splits that begin where records do."""
        cut: list[InputSplit] = []
        for path, group in groupby(input_splits, key=lambda input_split: input_split.path):
            of_file = list(group)
            delimiter = self._delimiter(path)
            if len(of_file) == 1 or not delimiter.isascii():
                cut.append(InputSplit(path, size=size_of(path) or 0))
                continue
            from penstock.kernels.csv_cuts import record_starts

            size = size_of(path) or 0
            inner = record_starts(
                path, delimiter, [input_split.start for input_split in of_file[1:]]
            )
            bounds = sorted({0, *(start for start in inner if start < size), size})
            cut += [LinePiece(path, a, b, b - a) for a, b in pairwise(bounds)]
        return cut

    def _delimiter(self, path: str) -> str:
        return self.delimiter or ("\t" if {".tsv", ".tab"} & {*suffixes(path)} else ",")

    def _fields(self, input_split: InputSplit, stats: RowStats) -> Iterator[tuple[int, list[str]]]:
        """Yield the number and the fields of each record; an empty line has none."""
        records = plain_records if self.quoting == "none" else quoted_records
        return records(input_split, self._delimiter(input_split.path), self.undecodable, stats)


SOURCE = CsvSource
