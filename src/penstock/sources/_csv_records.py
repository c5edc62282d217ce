"""The records of a table of text: its lines decoded, its quotes read, what is wrong named."""

from __future__ import annotations

import csv
from collections.abc import Iterator

from penstock.batches import RowStats
from penstock.errors import DataError
from penstock.sources._base import InputSplit
from penstock.sources._lines import line_place, numbered_lines
from penstock.sources._undecodable import NotDecodedError, Undecodable, decode_line

_LONGEST_FIELD = 2**31 - 1
_MEND = "where quotes are characters like others, set `quoting: none`"


def plain_records(
    input_split: InputSplit, delimiter: str, undecodable: Undecodable, stats: RowStats
) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the fields of each line, in which a quote is a character like others.

    An empty line has none.
    """
    for number, line in numbered_lines(input_split):
        try:
            text = decode_line(line, undecodable, stats)
        except NotDecodedError as error:
            stats.bad(number, str(error))
            continue
        text = text.removesuffix("\n").removesuffix("\r")
        yield number, text.split(delimiter) if text else []


def quoted_records(
    input_split: InputSplit, delimiter: str, undecodable: Undecodable, stats: RowStats
) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of the first line and the fields of each record (RFC 4180).

    An empty line has none. Raises DataError for a quote that does not close or stands where none
    can: behind it no one can tell where a record begins, so none is skipped.
    """
    csv.field_size_limit(_LONGEST_FIELD)  # texts are longer than its 128 KiB
    lines = _Lines(input_split, undecodable, stats)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while not lines.ended:
        first = lines.count
        try:
            fields = next(reader, None)
        except csv.Error as error:
            wrong = f"not CSV ({str(error).partition(' - ')[0]})"
            if lines.ended:
                wrong = "a quote of this record does not close"
            file, line = line_place(input_split, first)
            raise DataError(f"{wrong}; {_MEND}", file=file, line=line) from None
        if lines.bad is not None:
            stats.bad(*lines.bad)
            lines.bad = None
        elif fields is not None:
            yield first, fields


class _Lines:
    """The lines of an input split as text; `bad` is the number and the fault of one that is not UTF-8."""

    def __init__(self, input_split: InputSplit, undecodable: Undecodable, stats: RowStats) -> None:
        self._lines = numbered_lines(input_split)
        self._undecodable: Undecodable = undecodable
        self._stats = stats
        self.count = 0
        self.bad: tuple[int, str] | None = None
        self.ended = False

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        number, line = next(self._lines, (0, None))
        if line is None:
            self.ended = True
            raise StopIteration
        self.count = number + 1
        try:
            return decode_line(line, self._undecodable, self._stats)
        except NotDecodedError as error:
            self.bad = self.bad or (number, str(error))
            return line.decode(errors="replace")
