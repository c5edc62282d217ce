"""How texts are normalised before they are compared, and their words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Hashable, Sequence
from typing import Literal

Normalise = Literal["none", "whitespace", "nfkc_casefold", "ascii", "letters"]
EditShare = Callable[[Sequence[Hashable], Sequence[Hashable]], float]

#: The description of the setting `normalise` of `deduplicate`.
NORMALISE = (
    "How text is normalised before it is compared. none: not at all; whitespace: each run of "
    "Unicode white space becomes one space, leading and trailing space is removed; nfkc_casefold: "
    "Unicode NFKC, case folding, NFKC again, then as whitespace; ascii: lower case, then only "
    "ASCII letters, digits and spaces, as many scripts do; letters: only letters and digits of "
    "any script, without case, accents and word boundaries. The last two drop every sign: 2+2 "
    "equals 2-2, C++ equals C."
)
#: The description of the same setting in other steps.
NORMALISE_ALSO = "How text is normalised before it is compared; see `deduplicate`."

_NOT_ASCII_WORDS = re.compile(r"[^a-z0-9 ]")
#: Accents of Latin, Greek and Cyrillic. Marks of other scripts change the letter and stay.
_ACCENTS = range(0x300, 0x370)
_ASCII_SIGNS = bytes(code for code in range(128) if not chr(code).isalnum())


def normalised(text: str, how: Normalise) -> str:
    """Return a text in the form in which it is compared.

    If `ascii` or `letters` would leave nothing, the text is normalised as nfkc_casefold.
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
    # NFKD separates accents from their letters.
    return "".join(filter(_is_of_a_word, _folded(text, "NFKD")))


def _is_of_a_word(character: str) -> bool:
    """Return True for a letter, a digit, or a mark that changes the letter."""
    if character.isalnum():
        return True
    return unicodedata.category(character)[0] == "M" and ord(character) not in _ACCENTS


def _folded(text: str, form: Literal["NFKC", "NFKD"]) -> str:
    if text.isascii():  # already normal in every form
        return text.lower()
    # Case folding can break the normal form, so normalise again.
    return unicodedata.normalize(form, unicodedata.normalize(form, text).casefold())


def words_of(text: str) -> list[str]:
    """Return the words (split at white space) in lower case and Unicode NFKC."""
    if text.isascii():
        return text.lower().split()
    return normalised(text, "nfkc_casefold").split()


def edit_share() -> EditShare:
    """Return the function that gives the edit distance (Levenshtein) of two sequences.

    It is a share of the longer one: 0 for equal sequences, 1 for nothing in common.
    """
    from rapidfuzz.distance import Levenshtein

    share: EditShare = Levenshtein.normalized_distance
    return share
