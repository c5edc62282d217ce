"""Records of text tables: lines decoded, quotes parsed, and the positions where records begin."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from penstock.batches import RowStats
from penstock.errors import DataError
from penstock.jsonl import BOM, not_utf8
from penstock.sources._base import InputSplit
from penstock.sources._files import open_decompressed, reading
from penstock.sources._lines import numbered_lines

Undecodable = Annotated[
    Literal["error", "cp1252"],
    Field(
        description="The treatment of bytes that are not UTF-8: an error, or decoded as "
        "Windows-1252 and counted."
    ),
]
_BLOCK = 1 << 22
_LONGEST_FIELD = 2**31 - 1
_UNDECODED = re.compile("[\udc80-\udcff]")


class _NotDecodedError(Exception):
    """A line cannot be decoded; the message has the column and a fix, never the text."""


def plain_records(
    input_split: InputSplit, delimiter: str, undecodable: Undecodable, stats: RowStats
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


def quoted_records(
    input_split: InputSplit, delimiter: str, undecodable: Undecodable, stats: RowStats
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


def _decode(line: bytes, undecodable: Undecodable, stats: RowStats) -> str:
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
        before = found.string[: found.start()].encode(errors="surrogateescape")
        raise _NotDecodedError(
            f"column {len(before) + 1}: byte 0x{byte.hex()} is neither UTF-8 nor Windows-1252"
        ) from None


def record_starts(path: str, delimiter: str, positions: list[int]) -> list[int]:
    """Return, for each of some increasing positions, where the first record at or after it begins.

    It is the size of the file if no record begins there.
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
