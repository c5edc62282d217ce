"""Comparison of texts, and what a language model leaves in a text that it was asked to rewrite."""

from __future__ import annotations

import re
import unicodedata

#: Lower case for ASCII letters and digits, a space for every other byte.
_ASCII = bytes(
    ord(chr(code).lower()) if code < 128 and chr(code).isalnum() else ord(" ")
    for code in range(256)
)


class _Table(dict[int, int | None]):
    """Keeps letters, digits and marks, removes format characters, and replaces the rest by spaces.

    An argument of `str.translate` that is filled as characters occur.
    """

    def __missing__(self, code: int) -> int | None:
        category = unicodedata.category(chr(code))
        if category == "Cf":
            self[code] = None
        else:
            self[code] = ord(" ") if category[0] in "PSZC" else code
        return self[code]


_UNICODE = _Table()


def normalise(text: str) -> str:
    """Return the form in which texts are compared: NFKC, case folded, words joined by one space.

    Punctuation and symbols count as spaces. A text without letters and digits is returned as it is.
    """
    if text.isascii():
        words = b" ".join(text.encode().translate(_ASCII).split()).decode()
    else:
        words = normalise_unicode(text)
    return words or text


def normalise_unicode(text: str) -> str:
    """Normalise text of any script; slower, with the same result for ASCII."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(folded.translate(_UNICODE).split())


_QUOTES = {'"': '"', "'": "'", "“": "”", "‘": "’", "«": "»", "„": "“", "”": "”", "「": "」"}

# Words for the work of a model and for the text that it works on. Apostrophes are straight:
# `model_phrase` replaces others.
_DONE = r"(?:re-?phras|para-?phras|re-?word|re-?writ|revis|re-?stat|reformulat)\w*"
_TEXT = r"(?:premise|passage|question|sentence|hypothesis|statement|text|version|paragraph)"
_YES = r"(?:certainly|sure(?: thing)?|of course|absolutely|okay|ok|great|understood|got it)"
_CANNOT = r"i(?:'m| am) (?:unable|not able)|i can(?:no|')t"
# The beginning of a sentence; the beginning of the text, after quotation marks and asterisks.
_BEGIN = r"(?:^|[.!?\n(])\W*"
_START = r"^\W*"

_PATTERNS = (
    # "Certainly! Here's the rephrased premise:", "Sure, I'll rewrite that.", "Sure! The man ..."
    rf"{_START}{_YES}\W+(?:here(?:'s| is| are)\b|below (?:is|are)\b|the {_DONE} {_TEXT}\b)",
    rf"{_START}{_YES}\W+(?:let me|i(?:'ll| will| can|'d| would|'ve| have))\b[^.\n]*\b{_DONE}",
    r"^[\s*]*(?:certainly|sure(?: thing)?|of course)!\s",
    # "Here is a rephrased version of the sentence", "Here's the premise:"
    rf"{_START}(?:here(?:'s| is| are)|below (?:is|are)|this is) "
    rf"(?:(?:\w+ ){{0,3}}?(?:{_DONE} (?:{_TEXT}|of|as)\b|{_DONE}:)|(?:the|your) {_TEXT}:)",
    # "Rephrased premise:", "**Paraphrase**:", "Premise: ..."
    rf"{_START}(?:the |my )?{_DONE}(?: {_TEXT})?\W*:",
    rf"{_START}(?:the |new |updated |modified |original )*{_TEXT}[\s*]*:\s",
    # "As an AI language model, I", "I'm sorry, but I can't rephrase", "I cannot assist with"
    r"\bas an? (?:ai|artificial intelligence)(?: language)? (?:model|assistant)\b",
    r"\bas (?:an ai, i|a (?:large )?language model)\b",
    rf"{_BEGIN}(?:{_CANNOT})(?: to)? (?:assist|fulfill?|comply|{_DONE})\b",
    rf"{_START}(?:(?:i'm|i am|i'm very) sorry|i apologi[sz]e|sorry)\W+(?:but )?(?:{_CANNOT})"
    rf"(?: to)? (?:assist|help|fulfill?|comply|provide|do that|{_DONE})\b",
    # "Let me know if you'd like another version!", "I hope this helps!"
    rf"{_BEGIN}(?:please )?let me know if (?:you|there)\b[^.\n]*\b(?:further|more|changes?|another"
    r"|adjust\w*|revisions?|versions?|modif\w*|else|questions|assistance)\b[^.\n]*\W*$",
    rf"{_BEGIN}(?:i )?hope (?:this|that) helps\W*$",
    # "(Note: I kept the meaning.)", "This rephrased version keeps the meaning"
    rf"{_BEGIN}note: (?:i |(?:this|the) (?:version\b|{_DONE}))",
    rf"\b(?:this|the) {_DONE} {_TEXT} (?:maintain|preserv|keep|kept|retain|convey|captur)\w*\b",
    # The marks of a chat template, of thinking, of a code block
    r"<\|\w+\|>|\[/?inst\]|</?(?:think|thinking|answer|response|output)>|^\s*```|```\s*$",
    rf"{_START}(?:assistant|system)\W*:\s",
)
_MODEL_PHRASE = re.compile("|".join(_PATTERNS), re.IGNORECASE)


def is_quoted(text: str) -> bool:
    """Return True if a text is in quotation marks."""
    bare = text.strip()
    return len(bare) > 1 and _QUOTES.get(bare[0]) == bare[-1]


def model_phrase(text: str) -> str | None:
    """Return the first words of a text that a model addresses to its user, or None."""
    found = _MODEL_PHRASE.search(text.replace("’", "'"))
    return found.group().strip() if found else None
