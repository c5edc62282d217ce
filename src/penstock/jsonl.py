"""JSON Lines: one object a line, UTF-8, every bad line named."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from penstock.errors import DataError
from penstock.fields import kind_of

_BOM = b"\xef\xbb\xbf"
_LONG = 1 << 10
#: A quotation mark before a colon, unless it is surely an escaped one in a text.
_KEY_END = re.compile(rb'"(?:(?<!\\")|(?<=\\\\"))[ \t\r\n]*:').findall


@dataclass(frozen=True)
class BadLine:
    """A line that is not a row: the code of the finding, and words that name the column."""

    code: str
    message: str


def scan(path: Path) -> Iterator[tuple[int, dict[str, Any] | BadLine]]:
    """Yield the number (from 1) and the row, or what is wrong with it, of each line of a file.

    A byte order mark before the first row is passed over. An OSError goes to the caller.
    """
    with path.open("rb") as stream:
        for number, raw in enumerate(stream, 1):
            yield number, parse_line(raw.removeprefix(_BOM) if number == 1 else raw)


def parse_line(raw: bytes) -> dict[str, Any] | BadLine:
    """Return the row of one line, with or without its end, or what is wrong with it."""
    try:
        row = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        return _bad_line(raw, error)
    if type(row) is not dict:
        return BadLine("not-an-object", f"{kind_of(row)}, must be an object")
    # A long text has colons anyway: to count them first would be in vain.
    suspect = len(raw) > _LONG or raw.count(b":") > len(row)
    if suspect and (key := _repeated_key(raw, row)) is not None:
        return BadLine("key-repeated", f"the key '{key}' stands twice in one object")
    return row


def not_utf8(error: UnicodeDecodeError) -> str:
    """Say at which column of its line, in bytes, a text is not UTF-8; it is not shown."""
    column = error.start - error.object.rfind(b"\n", 0, error.start)
    return f"column {column}: byte 0x{error.object[error.start]:02x} is not UTF-8"


def read_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the number and the row of each line; raises DataError at the first bad line."""
    for number, row in scan(path):
        if isinstance(row, BadLine):
            raise DataError(row.message, file=path, line=number)
        yield number, row


class _RepeatedKeyError(Exception):
    """A key that stands twice in one object."""


def _repeated_key(raw: bytes, row: dict[str, Any]) -> str | None:
    """Return the first key that an object has twice; readers would take the last without a word.

    No key stands twice if no more can be the end of a key than the row has keys. Otherwise the line
    is parsed once more, which is slow and rare.
    """
    ends = len(_KEY_END(raw))
    if ends <= len(row) or ends <= _count_keys(row):
        return None
    try:
        json.loads(raw, object_pairs_hook=_refuse_repeated)
    except _RepeatedKeyError as repeated:
        return str(repeated)
    return None


def _count_keys(row: dict[str, Any]) -> int:
    """Count the keys of an object and of all objects in it."""
    count = 0
    todo: list[Any] = [row]
    while todo:
        value = todo.pop()
        if type(value) is dict:
            count += len(value)
            value = value.values()
        for inner in value:
            if type(inner) is dict or type(inner) is list:
                todo.append(inner)
    return count


def _refuse_repeated(pairs: list[tuple[str, Any]]) -> None:
    seen = set()
    for key, _ in pairs:
        if key in seen:
            raise _RepeatedKeyError(key)
        seen.add(key)


def _bad_line(raw: bytes, error: orjson.JSONDecodeError) -> BadLine:
    if not raw.strip():
        return BadLine("line-empty", "an empty line")
    try:
        text = raw.decode()
    except UnicodeDecodeError as unicode_error:
        return BadLine("not-utf8", not_utf8(unicode_error))
    try:
        # The end of the line is not part of the row: what breaks off in a text just ends.
        orjson.loads(text.rstrip("\r\n"))
    except orjson.JSONDecodeError as of_the_row:
        error = of_the_row
    column = min(error.pos, len(text.rstrip("\r\n"))) + 1
    return BadLine("json-invalid", f"column {column}: not JSON ({error.msg.split(':')[0]})")
