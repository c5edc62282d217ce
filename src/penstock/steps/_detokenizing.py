"""English text that was cut into tokens and joined with spaces, put together again.

The tokens are those of the Penn Treebank as PAWS has them: signs stand between spaces, double
quotes are `` and '', and 's is a token of its own. What cannot be told is left: dashes, for
whether a hyphen joined two words is lost; apostrophes that may be quotes; what is left of an HTML
entity. Words are only joined by an apostrophe between a word and its ending (Eliot ’ s), numbers
by a colon (6 : 3).
"""

from __future__ import annotations

import re

_CLOSE = frozenset([",", ".", ";", ":", "!", "?", "...", ")", "]", "}", "”"])
_OPEN = frozenset(["(", "[", "{", "“"])
_BEFORE_NUMBER = frozenset(["$", "£", "€", "#"])
_QUOTES = frozenset(["``", "''"])
_APOSTROPHES = frozenset(["'", "’"])
_ENDINGS = frozenset(["s", "S", "re", "ve", "ll", "d", "m"])
_CONTRACTED = frozenset([*(f"'{ending}" for ending in _ENDINGS), "n't"])
#: Every token that a rule is about.
_RULED = _CLOSE | _OPEN | _BEFORE_NUMBER | {"%"} | _QUOTES | _APOSTROPHES | _CONTRACTED

#: A part of a score or a time.
_SHORT_NUMBER = re.compile(r"\d{1,3}")
#: An apostrophe that is not within a word.
_LOOSE = re.compile(r"(?<![^\W_])['’]|['’](?![^\W_])")
#: The space before what is the end of a plural's genitive if there is no quote in the text.
_GENITIVE = re.compile(r"(?<=[sS]) (?=['’](?!\w)(?! ?;))")


def detokenized(text: str) -> str:
    """Return a text put together again; what it returns does not change a second time."""
    tokens = text.split(" ")
    places = [index for index, token in enumerate(tokens) if token in _RULED]
    if not places:
        return text
    quotes = _quotes(tokens, places)
    for index in quotes:
        tokens[index] = '"'
    spaces = ["", *[" "] * (len(tokens) - 1)]  # what stands before each token
    for index in places:
        before, after = quotes.get(index) or _joins(tokens, index)
        # Several spaces in a row are no tokeniser's: nothing is joined across them.
        if before and index and tokens[index - 1]:
            spaces[index] = ""
        if after and index + 1 < len(tokens) and tokens[index + 1]:
            spaces[index + 1] = ""
    text = "".join([part for both in zip(spaces, tokens, strict=True) for part in both])
    return _GENITIVE.sub("", text) if len(_LOOSE.findall(text)) == 1 else text


def _quotes(tokens: list[str], places: list[int]) -> dict[int, tuple[bool, bool]]:
    """Return whether each double quote stands at the token before it, and at the one after it.

    An even number of them open and close in turn, whatever their signs; of an odd number each is
    what its sign says.
    """
    places = [index for index in places if tokens[index] in _QUOTES]
    odd = len(places) % 2
    opens = [tokens[i] == "``" if odd else not turn % 2 for turn, i in enumerate(places)]
    return {place: (not each, each) for place, each in zip(places, opens, strict=True)}


def _joins(tokens: list[str], index: int) -> tuple[bool, bool]:
    """Return whether a token stands at the one before it, and at the one after it."""
    token = tokens[index]
    before = tokens[index - 1] if index else ""
    after = tokens[index + 1] if index + 1 < len(tokens) else ""
    if token == ":" and _SHORT_NUMBER.fullmatch(before) and _SHORT_NUMBER.fullmatch(after):
        return True, True
    if token in _CLOSE:
        return not (token == ";" and before.endswith(("'", "’"))), False
    if token in _OPEN:
        return False, True
    if token in _BEFORE_NUMBER:
        return False, after[:1].isdigit()
    if token == "%":
        return before[-1:].isdigit(), False
    if token in _CONTRACTED:
        return before[-1:].isalnum() or before[-1:] in ('"', "”", ")"), False
    if token in _APOSTROPHES and after in _ENDINGS and before[-1:].isalnum():
        return True, True
    return False, False
