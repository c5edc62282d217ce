"""JSON Lines: one object per line, in UTF-8. Bad lines are reported, never skipped silently."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from penstock.errors import DataError
from penstock.fields import kind_of, quoted_name

#: The byte order mark of UTF-8.
BOM = b"\xef\xbb\xbf"
#: Counting the colons saves time only in lines of at most this many bytes.
_COUNTED_LENGTH = 1 << 10
#: orjson parses an integer of at least this size (beyond 64 bits) as a float.
_LARGE = 2.0**63
_TOO_LARGE = "a number of more than 64 bits; write it as text"
#: The end of a key: a quotation mark before a colon, unless it is certainly escaped in a text.
_KEY_END = re.compile(rb'"(?:(?<!\\")|(?<=\\\\"))[ \t\r\n]*:').findall


@dataclass(frozen=True)
class BadLine:
    """A line that is not a valid row: the code of the finding, and a message with the column."""

    code: str
    message: str


def scan(path: Path) -> Iterator[tuple[int, dict[str, Any] | BadLine]]:
    """Yield the number (from 1) of each line of a file, with its row or a BadLine.

    A byte order mark at the start is skipped. Raises OSError if the file cannot be read.
    """
    with path.open("rb") as stream:
        for number, raw in enumerate(stream, 1):
            yield number, parse_line(raw.removeprefix(BOM) if number == 1 else raw)


def has_bom(path: Path) -> bool:
    """Return True if a file begins with a byte order mark. Raises OSError."""
    with path.open("rb") as stream:
        return stream.read(len(BOM)) == BOM


def parse_line(raw: bytes) -> dict[str, Any] | BadLine:
    """Parse one line, with or without its line ending."""
    try:
        row = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        return _bad_line(raw, error)
    if type(row) is not dict:
        return BadLine("not-an-object", f"{kind_of(row)}, must be an object")
    # A long text almost always contains colons, so counting them first would not help.
    suspect = len(raw) > _COUNTED_LENGTH or raw.count(b":") > len(row)
    if suspect and (key := _repeated_key(raw, row)) is not None:
        return BadLine("key-repeated", f"the key {quoted_name(key)} occurs twice in one object")
    if _has_large_float(row.values()) and _has_large_integer(raw):
        return BadLine("json-invalid", _TOO_LARGE)
    return row


def dump_row(row: dict[str, Any]) -> bytes:
    """Return a row as JSON in UTF-8, without a newline.

    Raises ValueError, naming the field, for values that JSON or orjson cannot represent: bytes,
    decimals, NaN and infinity, more than 254 levels.
    """
    try:
        data = orjson.dumps(row)
    except TypeError:
        data = b"null"
    if b"null" in data:  # orjson also writes NaN as null
        for name, value in row.items():
            if (problem := _not_json({name: value})) is not None:
                raise ValueError(f"the field {quoted_name(name)} cannot be JSON ({problem})")
    return data


def not_utf8(error: UnicodeDecodeError) -> str:
    """Return a message with the column (in bytes) of the first byte that is not UTF-8."""
    column = error.start - error.object.rfind(b"\n", 0, error.start)
    return f"column {column}: byte 0x{error.object[error.start]:02x} is not UTF-8"


def read_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the number (from 1) and the row of each line; raises DataError at a bad line."""
    for number, row in scan(path):
        if isinstance(row, BadLine):
            raise DataError(row.message, file=path, line=number)
        yield number, row


def _repeated_key(raw: bytes, row: dict[str, Any]) -> str | None:
    """Return the first key that occurs twice in one object, or None.

    JSON parsers silently keep the last value. If the line has no more ends of keys than the row has
    keys, none is repeated. Otherwise the line is parsed again, which is slow and rare.
    """
    ends = len(_KEY_END(raw))
    if ends <= len(row) or ends <= _count_keys(row):
        return None
    repeated: list[str] = []

    def check(pairs: list[tuple[str, Any]]) -> None:
        seen = set()
        for key, _ in pairs:
            if key in seen:
                repeated.append(key)
            seen.add(key)

    json.loads(raw, object_pairs_hook=check)
    return repeated[0] if repeated else None


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


def _has_large_float(values: Iterable[Any]) -> bool:
    """Return True if any value, at any depth, may be an integer of more than 64 bits."""
    for value in values:
        kind = type(value)
        if kind is float:
            if not -_LARGE < value < _LARGE:
                return True
        elif kind is dict:
            if _has_large_float(value.values()):
                return True
        elif kind is list and not _is_of_integers(value) and _has_large_float(value):
            return True
    return False


def _is_of_integers(values: list[Any]) -> bool:
    """Return True if a list has only integers: a sum that includes a float is a float."""
    try:
        return type(sum(values)) is int
    except TypeError:
        return False


def _has_large_integer(raw: bytes) -> bool:
    """Parse a line again; return True if it has an integer that does not fit in 64 bits."""
    found: list[str] = []
    json.loads(raw, parse_int=found.append)
    return any(len(n) > 20 or not -(1 << 63) <= int(n) < 1 << 64 for n in found)


def _not_json(value: Any) -> str | None:
    """Return why a value cannot be written as JSON, or None."""
    try:
        orjson.dumps(value)
    except TypeError as error:
        return str(error)
    return None if _is_finite(value) else "it is or contains NaN or infinity"


def _is_finite(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_is_finite, value.values()))
    if isinstance(value, list | tuple):
        return all(map(_is_finite, value))
    return not isinstance(value, float) or math.isfinite(value)


def _bad_line(raw: bytes, error: orjson.JSONDecodeError) -> BadLine:
    if not raw.strip():
        return BadLine("line-empty", "an empty line")
    try:
        text = raw.decode().rstrip("\r\n")
    except UnicodeDecodeError as unicode_error:
        return BadLine("not-utf8", not_utf8(unicode_error))
    try:
        # Without the line ending, so that a truncated string is reported as the end of data.
        orjson.loads(text)
    except orjson.JSONDecodeError as without_ending:
        error = without_ending
    column = min(error.pos, len(text)) + 1
    return BadLine("json-invalid", f"column {column}: not JSON ({error.msg.split(':')[0]})")
