"""Bytes of a table that are not UTF-8, such as those that editors of Windows leave in it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from penstock.batches import Tally
from penstock.jsonl import not_utf8

Undecodable = Annotated[
    Literal["error", "cp1252"],
    Field(
        description="What bytes that are not UTF-8 are: an error, or characters of Windows-1252, "
        "and counted."
    ),
]


class NotDecodedError(Exception):
    """A line that cannot be decoded; says where, and what can be done, and never shows it."""


def decode_line(line: bytes, how: Undecodable, tally: Tally) -> str:
    """Return a line as text; raises NotDecodedError."""
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        if how == "error":
            mend = "`undecodable: cp1252` takes such bytes for Windows-1252"
            raise NotDecodedError(f"{not_utf8(error)}; {mend}") from None
    parts, count = _decode_mixed(line)
    tally.count("undecodable.cp1252_bytes", count)
    return "".join(parts)


def _decode_mixed(line: bytes) -> tuple[list[str], int]:
    """Return the text of a line piece by piece, and how many bytes were not UTF-8."""
    parts: list[str] = []
    count = start = 0
    while True:
        try:
            return [*parts, line[start:].decode()], count
        except UnicodeDecodeError as error:
            bad = slice(start + error.start, start + error.end)
            parts.append(line[start : bad.start].decode())
            try:
                parts.append(line[bad].decode("cp1252"))
            except UnicodeDecodeError:
                raise NotDecodedError(
                    f"column {bad.start + 1}: byte 0x{line[bad.start]:02x} is neither UTF-8 nor "
                    "Windows-1252"
                ) from None
            count += error.end - error.start
            start = bad.stop
