"""Bytes of a table that are not UTF-8, such as those that editors of Windows leave in it."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field

from penstock.batches import RowStats
from penstock.jsonl import not_utf8

Undecodable = Annotated[
    Literal["error", "cp1252"],
    Field(
        description="What bytes that are not UTF-8 are: an error, or characters of Windows-1252, "
        "and counted."
    ),
]
_ESCAPED = re.compile("[\udc80-\udcff]")


class NotDecodedError(Exception):
    """A line that cannot be decoded; says where, and what can be done, and never shows it."""


def decode_line(line: bytes, how: Undecodable, stats: RowStats) -> str:
    """Return a line as text; raises NotDecodedError."""
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        if how == "error":
            mend = "`undecodable: cp1252` takes such bytes for Windows-1252"
            raise NotDecodedError(f"{not_utf8(error)}; {mend}") from None
    # Each byte that is not UTF-8 comes as a surrogate, which UTF-8 itself never gives.
    text, count = _ESCAPED.subn(_of_cp1252, line.decode(errors="surrogateescape"))
    stats.note("cp1252_bytes", count)
    return text


def _of_cp1252(found: re.Match[str]) -> str:
    byte = found[0].encode(errors="surrogateescape")
    try:
        return byte.decode("cp1252")
    except UnicodeDecodeError:
        before = found.string[: found.start()].encode(errors="surrogateescape")
        raise NotDecodedError(
            f"column {len(before) + 1}: byte 0x{byte.hex()} is neither UTF-8 nor Windows-1252"
        ) from None
