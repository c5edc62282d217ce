"""What is done to text before two texts are compared."""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

Normalise = Literal["none", "whitespace", "nfkc_casefold", "ascii", "letters"]

#: What the setting of `deduplicate` says of it, and those of other steps.
NORMALISE = (
    "What is done to text before it is compared. none: nothing; whitespace: each run of Unicode "
    "white space becomes one space, and none is left at the ends; nfkc_casefold: Unicode NFKC, "
    "case folding, NFKC again, then as whitespace; ascii: lower case, then ASCII letters, digits "
    "and the spaces between them alone, as many scripts have it; letters: letters and digits "
    "alone, in any script, without case and accents, however they are parted into words. The last "
    "two lose every sign: 2+2 is 2-2, C++ is C."
)

NORMALISE_ALSO = "What is done to text before it is compared, as `deduplicate` lists it."

_NOT_ASCII_WORDS = re.compile(r"[^a-z0-9 ]")
#: The accents of Latin, Greek and Cyrillic; the marks of other scripts are sounds of their own.
_ACCENTS = range(0x300, 0x370)
_ASCII_SIGNS = bytes(code for code in range(128) if not chr(code).isalnum())


def normalised(text: str, how: Normalise) -> str:
    """Return what stands for a text when it is compared.

    Where `ascii` and `letters` would leave nothing, it is what nfkc_casefold leaves.
    """
    match how:
        case "none":
            return text
        case "whitespace":
            return _spaced(text)
        case "nfkc_casefold":
            return _spaced(_folded(text, "NFKC"))
        case "ascii":
            found = _NOT_ASCII_WORDS.sub("", text.lower()).strip()
        case "letters":
            found = _letters(text)
    return found or _spaced(_folded(text, "NFKC"))


def _spaced(text: str) -> str:
    return " ".join(text.split())


def _letters(text: str) -> str:
    if text.isascii():
        return text.lower().encode().translate(None, _ASCII_SIGNS).decode()
    # In NFKD accents are characters of their own.
    return "".join(filter(_is_of_a_word, _folded(text, "NFKD")))


def _is_of_a_word(character: str) -> bool:
    """Say whether a character is a letter, a digit, or a mark that makes a letter another one."""
    if character.isalnum():
        return True
    return unicodedata.category(character)[0] == "M" and ord(character) not in _ACCENTS


def _folded(text: str, form: Literal["NFKC", "NFKD"]) -> str:
    if text.isascii():  # in every form already
        return text.lower()
    # Case folding can undo the normal form: it is made once more.
    return unicodedata.normalize(form, unicodedata.normalize(form, text).casefold())
