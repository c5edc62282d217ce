r"""JSON documents of any size, parsed value by value with ijson.

Two faults that ijson silently accepts are errors: a key that occurs twice in one object, and lone
surrogates (`\ud83d` without the `\ude00` that completes the character), which UTF-8 cannot encode.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator
from typing import IO, Any, Literal

from penstock.errors import ConfigError
from penstock.fields import quoted_name

#: Bytes that are read at a time.
_CHUNK = 1 << 16
#: The longest escape of one character: two surrogates.
_LONGEST_ESCAPE = 12
_ANY_SURROGATE = re.compile(rb"\\u[dD]").search
# Matches every escape in order, so that the escaped backslash of `\\ud83d` is not taken for a
# surrogate. Group 1 is a lone surrogate.
_ESCAPES = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)

Fault = Literal["not-json", "truncated", "not-utf8", "number-large", "surrogate", "key-repeated"]
_REASONS: dict[Fault, str] = {
    "not-json": "not JSON",
    "truncated": "is truncated",
    "not-utf8": "not UTF-8",
    "number-large": "a number of more than 64 bits; write it as text",
    "surrogate": "a lone surrogate (half of a character)",
}


class InvalidJsonError(Exception):
    """A fault that ends the parsing of a document; the message never shows its text."""

    def __init__(self, fault: Fault, reason: str = "") -> None:
        self.fault = fault
        self.reason = reason or _REASONS[fault]
        super().__init__(self.reason)


class CheckedJson:
    """A stream of JSON whose lone surrogates are detected; ijson would change them silently.

    With `replace` they become U+FFFD and `replaced` counts them; otherwise the first one raises
    InvalidJsonError. `seen` counts how often the string `name` occurs, as a key or a value.
    """

    def __init__(self, stream: IO[bytes], name: str = "", *, replace: bool = False) -> None:
        self._stream = stream
        self._replace = replace
        self.replaced = 0
        self.seen = 0
        spellings = {json.dumps(name, ensure_ascii=ascii_).encode() for ascii_ in (True, False)}
        # The end of the last chunk, in which an occurrence may begin, for each spelling of `name`.
        self._ends = dict.fromkeys(spellings if name else (), b"")

    def read(self, size: int = -1) -> bytes:
        """Return about `size` bytes, b"" at the end; no escape is cut in two."""
        chunk = self._stream.read(size)
        while b"\\" in chunk[-_LONGEST_ESCAPE:] and (more := self._stream.read(_LONGEST_ESCAPE)):
            chunk += more
        chunk, count = replace_lone_surrogates(chunk)
        if count and not self._replace:
            raise InvalidJsonError("surrogate")
        self.replaced += count
        for name, end in self._ends.items():
            text = end + chunk
            self.seen += text.count(name)
            self._ends[name] = text[1 - len(name) :]
        return chunk


def json_items(stream: CheckedJson, path: str) -> Generator[Any]:
    """Yield every value at a path in ijson's notation, where the elements of a list are `item`.

    Raises InvalidJsonError after the last value before a fault. A lone surrogate may be up to
    64 KiB after that value.
    """
    from ijson.common import JSONError

    repeated: list[str] = []
    options = {"use_float": True, "buf_size": _CHUNK, "map_type": _object_type(repeated)}
    try:
        for value in json_parser().items(stream, path, **options):
            if repeated:
                reason = f"the key {quoted_name(repeated[0])} occurs twice in one object"
                raise InvalidJsonError("key-repeated", reason)
            yield value
    except JSONError as error:
        raise InvalidJsonError(_fault_of(error)) from None
    except UnicodeError:
        raise InvalidJsonError("not-utf8") from None


def json_parser() -> Any:
    """Return ijson with its parser in C; its other parsers are many times slower."""
    import ijson

    try:
        return ijson.get_backend("yajl2_c")
    except ImportError:
        raise ConfigError(
            "this installation of ijson lacks its parser yajl2_c; install a wheel of ijson, or "
            "build it with a C compiler: pip install --force-reinstall ijson"
        ) from None


def replace_lone_surrogates(data: bytes) -> tuple[bytes, int]:
    """Return JSON text with U+FFFD for each escaped lone surrogate, and their number.

    The length is unchanged. The text must not begin or end within an escape.
    """
    if _ANY_SURROGATE(data) is None:
        return data, 0
    count = 0

    def replace(found: re.Match[bytes]) -> bytes:
        nonlocal count
        if found[1] is None:
            return found[0]
        count += 1
        return b"\\ufffd"

    return _ESCAPES.sub(replace, data), count


def _fault_of(error: Exception) -> Fault:
    # The parser's message shows the text around the fault: only its kind is used.
    kind = str(error)[:80]
    if "premature EOF" in kind:
        return "truncated"
    if "invalid bytes in UTF8" in kind:
        return "not-utf8"
    return "number-large" if "overflow" in kind else "not-json"


def _object_type(repeated: list[str]) -> type[dict[str, Any]]:
    """Return a dict type that appends keys set twice to `repeated`; ijson ignores exceptions."""

    class Object(dict[str, Any]):
        def __setitem__(self, key: str, value: Any) -> None:
            if key in self:
                repeated.append(key)
            super().__setitem__(key, value)

        def __reduce__(self) -> tuple[type, tuple[dict[str, Any]]]:
            return dict, (dict(self),)  # pickled as a plain dict

    return Object
