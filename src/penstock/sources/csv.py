"""Text tables: comma-separated values (RFC 4180) and similar; plain, .gz or .zst."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from typing import Literal

import numpy as np
from pydantic import Field

from penstock.batches import RowStats
from penstock.errors import DataError
from penstock.files import plural
from penstock.jsonl import BOM, not_utf8
from penstock.sources._base import InputSplit
from penstock.sources._files import open_decompressed, reading, size_of, suffixes
from penstock.sources._lines import LineSource, LineSplit, numbered_lines
from penstock.sources._rows import Numbered, RecordSource
from penstock.sources._tables import wanted_columns

#: Common delimiters, as written in YAML.
_DELIMITERS = {"\t": '"\\t"', ",": '","', ";": '";"', "|": '"|"'}
_BLOCK = 1 << 22
_LONGEST_FIELD = 2**31 - 1
_UNDECODED = re.compile("[\udc80-\udcff]")


class _NotDecodedError(Exception):
    """Its message has the column and a fix, never the text of the line."""


def _plain_records(
    input_split: InputSplit, delimiter: str, undecodable: str, stats: RowStats
) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the fields of each line; a quotation mark is a normal character.

    An empty line has no fields.
    """
    for number, line in numbered_lines(input_split):
        try:
            text = _decode(line, undecodable, stats)
        except _NotDecodedError as error:
            stats.bad(number, str(error))
            continue
        text = text.removesuffix("\n").removesuffix("\r")
        yield number, text.split(delimiter) if text else []


def _quoted_records(
    input_split: InputSplit, delimiter: str, undecodable: str, stats: RowStats
) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of the first line and the fields of each record (RFC 4180).

    An empty line has no fields. Raises DataError for a quotation mark that is not closed or is not
    allowed: it cannot be skipped, because the next start of a record is unknown.
    """
    count, ended, bad = 0, False, None

    def text_lines() -> Iterator[str]:
        nonlocal count, ended, bad
        for number, line in numbered_lines(input_split):
            count = number + 1
            try:
                yield _decode(line, undecodable, stats)
            except _NotDecodedError as error:
                bad = bad or (number, str(error))
                yield line.decode(errors="replace")
        ended = True

    csv.field_size_limit(_LONGEST_FIELD)  # the default is 128 KiB
    reader = csv.reader(text_lines(), delimiter=delimiter, strict=True)
    while not ended:
        first = count
        try:
            fields = next(reader, None)
        except csv.Error as error:
            problem = f"not CSV ({str(error).partition(' - ')[0]})"
            if ended:
                problem = "a quote of this record is not closed"
            raise DataError(
                f"{problem}; if quotes are normal characters, set `quoting: none`",
                file=input_split.path,
                line=input_split.rows_before + first + 1,
            ) from None
        if bad is not None:
            stats.bad(*bad)
            bad = None
        elif fields is not None:
            yield first, fields


def _decode(line: bytes, undecodable: str, stats: RowStats) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        if undecodable == "error":
            hint = "`undecodable: cp1252` decodes such bytes as Windows-1252"
            raise _NotDecodedError(f"{not_utf8(error)}; {hint}") from None
    # Each byte that is not UTF-8 becomes a surrogate, which valid UTF-8 never contains.
    text, count = _UNDECODED.subn(_from_cp1252, line.decode(errors="surrogateescape"))
    stats.note("cp1252_bytes", count)
    return text


def _from_cp1252(found: re.Match[str]) -> str:
    byte = found[0].encode(errors="surrogateescape")
    try:
        return byte.decode("cp1252")
    except UnicodeDecodeError:
        column = len(found.string[: found.start()].encode(errors="surrogateescape")) + 1
        message = f"column {column}: byte 0x{byte.hex()} is neither UTF-8 nor Windows-1252"
        raise _NotDecodedError(message) from None


def _record_starts(path: str, delimiter: str, positions: list[int]) -> list[int]:
    """Return the first start of a record at or after each position, else the size of the file.

    The positions increase.
    """
    from penstock.kernels.csv_scan import START_OF_RECORD, scan_records

    goals = np.array(positions, np.int64)
    starts = np.full(len(goals), -1, np.int64)
    state, next_goal, position = START_OF_RECORD, 0, 0
    with reading(path), open_decompressed(path) as stream:
        while next_goal < len(goals) and (data := stream.read(_BLOCK)):
            skipped = len(BOM) if position == 0 and data.startswith(BOM) else 0
            block = np.frombuffer(data, np.uint8)[skipped:]
            state, next_goal = scan_records(
                block, state, ord(delimiter), position + skipped, goals, starts, next_goal
            )
            position += len(data)
    starts[starts < 0] = position
    return [int(start) for start in starts]


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
        None, min_length=1, description="The names of the columns; null: files have a header line."
    )
    undecodable: Literal["error", "cp1252"] = Field(
        "error",
        description="The treatment of bytes that are not UTF-8: an error, or decoded as "
        "Windows-1252 and counted.",
    )

    def input_splits(self, split_bytes: int) -> list[InputSplit]:
        """Return byte ranges of plain files, cut between records."""
        splits = super().input_splits(split_bytes)
        return splits if self.quoting == "none" else self._cut_at_records(splits)

    def first_split(self, split_bytes: int) -> InputSplit:
        """Return the first input split; a file with quotes is read only up to its end."""
        first = self.file_splits(self.inputs()[0], split_bytes)[:2]
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
            message = "must begin with a line of names; else list them under columns"
            raise DataError(message, file=path)
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
                inner = _record_starts(path, delimiter, starts)
                bounds = sorted({0, *(start for start in inner if start < size), size})
                found += [LineSplit(path, a, b, b - a) for a, b in pairwise(bounds)]
            else:
                found.append(InputSplit(path, size=size))
        return found

    def _delimiter(self, path: str) -> str:
        return self.delimiter or ("\t" if {".tsv", ".tab"} & {*suffixes(path)} else ",")

    def _fields(self, input_split: InputSplit, stats: RowStats) -> Iterator[tuple[int, list[str]]]:
        records = _plain_records if self.quoting == "none" else _quoted_records
        return records(input_split, self._delimiter(input_split.path), self.undecodable, stats)


SOURCE = CsvSource
