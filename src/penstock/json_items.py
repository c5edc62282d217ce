r"""The values of a JSON document, one after the other, with ijson: its size does not matter.

What ijson takes in silence is a fault here: a key twice in one object, and lone surrogates, halves
of a character (`\ud83d` without its `\ude00`), which UTF-8 cannot hold.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator
from typing import IO, Any, Literal

from penstock.errors import ConfigError
from penstock.fields import called

#: How much is read at a time, in bytes.
_CHUNK = 1 << 16
#: No escape of a character, of two surrogates at the most, is longer.
_LONGEST_ESCAPE = 12
_ANY_SURROGATE = re.compile(rb"\\u[dD]").search
# Escapes are matched one after the other, so that `\\ud83d`, a backslash and letters, is none.
_ESCAPES = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)

Fault = Literal["not-json", "breaks-off", "not-utf8", "number-large", "surrogate", "key-repeated"]
_REASONS: dict[Fault, str] = {
    "not-json": "not JSON",
    "breaks-off": "breaks off",
    "not-utf8": "not UTF-8",
    "number-large": "a number of more than 64 bits; write it as text",
    "surrogate": "a lone surrogate (half of a character)",
}


class FaultyJsonError(Exception):
    """What ends the reading of a document; says what is wrong and never shows its text."""

    def __init__(self, fault: Fault, reason: str = "") -> None:
        self.fault = fault
        self.reason = reason or _REASONS[fault]
        super().__init__(self.reason)


class CheckedJson:
    """A file of JSON in which lone surrogates are seen; the parser changes them in silence.

    With `replace` they become U+FFFD, and `replaced` counts them; without, they are a fault. `seen`
    says how often the text `name` stands in it, as a key or a value.
    """

    def __init__(self, stream: IO[bytes], name: str = "", *, replace: bool = False) -> None:
        self._stream = stream
        self._replace = replace
        self.replaced = 0
        self.seen = 0
        written = {json.dumps(name, ensure_ascii=ascii_).encode() for ascii_ in (True, False)}
        # Each way to write the name, and the end of the last chunk, in which one may begin.
        self._ends = dict.fromkeys(written if name else (), b"")

    def read(self, size: int = -1) -> bytes:
        """Return about `size` bytes, none at the end; no escape goes on behind them."""
        chunk = self._stream.read(size)
        while b"\\" in chunk[-_LONGEST_ESCAPE:] and (more := self._stream.read(_LONGEST_ESCAPE)):
            chunk += more
        chunk, count = replace_lone(chunk)
        if count and not self._replace:
            raise FaultyJsonError("surrogate")
        self.replaced += count
        for name, end in self._ends.items():
            looked_at = end + chunk
            self.seen += looked_at.count(name)
            self._ends[name] = looked_at[1 - len(name) :]
        return chunk


def json_items(stream: CheckedJson, place: str) -> Generator[Any]:
    """Yield every value at a place, written as ijson does: the elements of a list end in `item`.

    Raises FaultyJsonError behind the last value before what is wrong; a lone surrogate may stand
    up to 64 KiB behind it.
    """
    from ijson.common import JSONError

    repeated: list[str] = []
    options = {"use_float": True, "buf_size": _CHUNK, "map_type": _objects(repeated)}
    try:
        for value in json_parser().items(stream, place, **options):
            if repeated:
                reason = f"the key {called(repeated[0])} stands twice in one object"
                raise FaultyJsonError("key-repeated", reason)
            yield value
    except JSONError as error:
        raise FaultyJsonError(_fault_of(error)) from None
    except UnicodeError:
        raise FaultyJsonError("not-utf8") from None


def json_parser() -> Any:
    """Return ijson with its parser in C; the others are many times slower."""
    import ijson

    try:
        return ijson.get_backend("yajl2_c")
    except ImportError:
        raise ConfigError(
            "this installation of ijson lacks its parser yajl2_c; install a wheel of ijson, or "
            "build it with a C compiler: pip install --force-reinstall ijson"
        ) from None


def replace_lone(json: bytes) -> tuple[bytes, int]:
    """Return JSON text with U+FFFD for each lone surrogate that it escapes, and their number.

    The text keeps its length. It must not begin or end within an escape.
    """
    if _ANY_SURROGATE(json) is None:
        return json, 0
    count = 0

    def replaced(found: re.Match[bytes]) -> bytes:
        nonlocal count
        if found[1] is None:
            return found[0]
        count += 1
        return b"\\ufffd"

    return _ESCAPES.sub(replaced, json), count


def _fault_of(error: Exception) -> Fault:
    # What the parser says shows the text around the place: only its kind is taken.
    kind = str(error)[:80]
    if "premature EOF" in kind:
        return "breaks-off"
    if "invalid bytes in UTF8" in kind:
        return "not-utf8"
    return "number-large" if "overflow" in kind else "not-json"


def _objects(repeated: list[str]) -> type[dict[str, Any]]:
    """Return the class of objects that note the keys that they have twice.

    They raise nothing: the parser would not see it.
    """

    class Object(dict[str, Any]):
        def __setitem__(self, key: str, value: Any) -> None:
            if key in self:
                repeated.append(key)
            super().__setitem__(key, value)

        def __reduce__(self) -> tuple[type, tuple[dict[str, Any]]]:
            return dict, (dict(self),)  # to other processes it goes as what it is

    return Object
