r"""Lone surrogates in JSON: halves of a character (`\ud83d` without its `\ude00`).

JSON can write them, UTF-8 cannot hold them, and no tokenizer takes them.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field

Surrogates = Annotated[
    Literal["error", "replace"],
    Field(
        description="What a lone surrogate (half of a character, as in `\\ud83d`) is: an error, "
        "or U+FFFD, and counted."
    ),
]
MEND = "`surrogates: replace` puts U+FFFD in its place"

_ANY = re.compile(rb"\\u[dD]").search
# Escapes are matched one after the other, so that `\\ud83d`, a backslash and letters, is none.
_ESCAPES = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)


def replace_lone(json: bytes) -> tuple[bytes, int]:
    """Return JSON text with U+FFFD for each lone surrogate that it escapes, and their number.

    The text keeps its length. It must not begin or end within an escape.
    """
    if _ANY(json) is None:
        return json, 0
    count = 0

    def replaced(found: re.Match[bytes]) -> bytes:
        nonlocal count
        if found[1] is None:
            return found[0]
        count += 1
        return b"\\ufffd"

    return _ESCAPES.sub(replaced, json), count
