"""JSON Lines: one object a line, UTF-8, every bad line and every row that is none named."""

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
from penstock.fields import called, kind_of

#: The byte order mark of UTF-8.
BOM = b"\xef\xbb\xbf"
_LONG = 1 << 10
#: An integer that orjson took for a floating-point number has at least this size.
_LARGE = 2.0**63
_TOO_LARGE = "a number of more than 64 bits; write it as text"
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
            yield number, parse_line(raw.removeprefix(BOM) if number == 1 else raw)


def has_mark(path: Path) -> bool:
    """Say whether a file begins with a byte order mark. An OSError goes to the caller."""
    with path.open("rb") as stream:
        return stream.read(len(BOM)) == BOM


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
        return BadLine("key-repeated", f"the key {called(key)} stands twice in one object")
    if _has_large_float(row.values()) and _has_large_integer(raw):
        return BadLine("json-invalid", _TOO_LARGE)
    return row


def dump_row(row: dict[str, Any]) -> bytes:
    """Return a row as JSON in UTF-8, without a newline.

    Raises ValueError, which names the field, for what JSON or orjson cannot hold: bytes, decimals,
    NaN and infinity, more than 254 levels.
    """
    try:
        data = orjson.dumps(row)
    except TypeError:
        data = b"null"
    if b"null" in data:  # as which orjson writes NaN, too
        for name, value in row.items():
            if (problem := _not_json({name: value})) is not None:
                raise ValueError(f"the field {called(name)} cannot be JSON ({problem})")
    return data


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


class _LargeIntegerError(Exception):
    """An integer that 64 bits do not hold."""


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


def _has_large_float(values: Iterable[Any]) -> bool:
    """Say whether a number among values, or in them, may be an integer of more than 64 bits."""
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
    """Say whether a list has integers alone: no sum of them with a float is an integer."""
    try:
        return type(sum(values)) is int
    except TypeError:
        return False


def _has_large_integer(raw: bytes) -> bool:
    """Say whether a line has an integer that 64 bits do not hold; the line is parsed once more."""
    try:
        json.loads(raw, parse_int=_refuse_large)
    except _LargeIntegerError:
        return True
    return False


def _refuse_large(digits: str) -> None:
    if len(digits) > 20 or not -(1 << 63) <= int(digits) < 1 << 64:
        raise _LargeIntegerError


def _not_json(value: Any) -> str | None:
    """Say why a value cannot be written as JSON; None when it can."""
    try:
        orjson.dumps(value)
    except TypeError as error:
        return str(error)
    return None if _is_finite(value) else "it is or holds NaN or infinity"


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
