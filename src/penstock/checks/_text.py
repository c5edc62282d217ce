"""When two texts say the same: case, punctuation and spacing do not count."""

from __future__ import annotations

import unicodedata

_ASCII = bytes(
    ord(chr(code).lower()) if code < 128 and chr(code).isalnum() else ord(" ")
    for code in range(256)
)


class _Table(dict[int, int | None]):
    """What becomes of each character: letters, digits and marks stay, format marks go."""

    def __missing__(self, code: int) -> int | None:
        category = unicodedata.category(chr(code))
        if category == "Cf":
            self[code] = None
        else:
            self[code] = ord(" ") if category[0] in "PSZC" else code
        return self[code]


_UNICODE = _Table()


def normalise(text: str) -> str:
    """Return `text` as it is compared: NFKC, case folded, its words joined by single spaces.

    A text without a letter or digit is returned as it is, so that no two of them are alike.
    """
    if text.isascii():
        words = b" ".join(text.encode().translate(_ASCII).split()).decode()
    else:
        words = normalise_unicode(text)
    return words or text


def normalise_unicode(text: str) -> str:
    """Do the same for text in any script; slower, and equal to the fast path where both apply."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(folded.translate(_UNICODE).split())
