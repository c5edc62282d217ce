"""JSON Lines: one object a line, UTF-8, every bad line named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from penstock.errors import DataError

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class BadLine:
    """A line that is not a row: the code of the finding, and words that name the column."""

    code: str
    message: str


def scan(path: Path) -> Iterator[tuple[int, dict[str, Any] | BadLine]]:
    """Yield the number (from 1) and the row, or what is wrong with it, of each line of a file.

    A byte order mark before the first row is passed over. An OSError goes to the caller.
    """
    loads = orjson.loads
    with path.open("rb") as stream:
        for number, raw in enumerate(stream, 1):
            if number == 1:
                raw = raw.removeprefix(_BOM)
            try:
                row = loads(raw)
            except orjson.JSONDecodeError as error:
                yield number, _bad_line(raw, error)
                continue
            if type(row) is not dict:
                kind = {list: "a list", str: "text", type(None): "null"}.get(type(row), "a value")
                yield number, BadLine("not-an-object", f"{kind}, must be an object")
            elif raw.count(b":") > len(row) and (key := _repeated_key(raw)) is not None:
                yield number, BadLine("key-repeated", f"the key '{key}' stands twice in one object")
            else:
                yield number, row


def read_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the number and the row of each line; raises DataError at the first bad line."""
    for number, row in scan(path):
        if isinstance(row, BadLine):
            raise DataError(row.message, file=path, line=number)
        yield number, row


class _RepeatedKeyError(Exception):
    """A key that stands twice in one object."""


def _repeated_key(raw: bytes) -> str | None:
    """Return the first key that an object has twice; readers would take the last without a word.

    This is slow. A row with no more colons than keys cannot have one.
    """
    try:
        json.loads(raw, object_pairs_hook=_refuse_repeated)
    except _RepeatedKeyError as repeated:
        return str(repeated)
    return None


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
        column = unicode_error.start + 1
        return BadLine("not-utf8", f"column {column}: byte 0x{raw[column - 1]:02x} is not UTF-8")
    try:
        # The end of the line is not part of the row: what breaks off in a text just ends.
        orjson.loads(text.rstrip("\r\n"))
    except orjson.JSONDecodeError as of_the_row:
        error = of_the_row
    column = min(error.pos, len(text.rstrip("\r\n"))) + 1
    return BadLine("json-invalid", f"column {column}: not JSON ({error.msg.split(':')[0]})")
