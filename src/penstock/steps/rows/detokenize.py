"""The step `detokenize`: undo the spaces and quotes of tokenized English text.

The tokens are those of the Penn Treebank, as in PAWS: signs are surrounded by spaces, double quotes
are `` and '', and 's is a separate token. Ambiguous cases stay unchanged: dashes (a hyphen between
words cannot be recognised), apostrophes that may be quotes, remains of HTML entities. An apostrophe
joins a word and its ending (Eliot ’ s), a colon joins short numbers (6 : 3).
"""

from __future__ import annotations

import re
from typing import Any

from pydantic import Field, field_validator

from penstock.batches import RowBatch, RowStats
from penstock.steps._base import RowStep, SourceSelection
from penstock.steps._fields import SIDES, FieldNames, map_rows, text_of

_CLOSE = frozenset([",", ".", ";", ":", "!", "?", "...", ")", "]", "}", "”"])
_OPEN = frozenset(["(", "[", "{", "“"])
_BEFORE_NUMBER = frozenset(["$", "£", "€", "#"])
_QUOTES = frozenset(["``", "''"])
_APOSTROPHES = frozenset(["'", "’"])
_ENDINGS = frozenset(["s", "S", "re", "ve", "ll", "d", "m"])
_CONTRACTED = frozenset([*(f"'{ending}" for ending in _ENDINGS), "n't"])
#: Every token that has a rule.
_RULED = _CLOSE | _OPEN | _BEFORE_NUMBER | {"%"} | _QUOTES | _APOSTROPHES | _CONTRACTED

#: A component of a score or a time.
_SHORT_NUMBER = re.compile(r"\d{1,3}")
#: An apostrophe that is not inside a word.
_LOOSE = re.compile(r"(?<![^\W_])['’]|['’](?![^\W_])")
#: The space before the apostrophe of a plural genitive, if the text has no quote.
_GENITIVE = re.compile(r"(?<=[sS]) (?=['’](?!\w)(?! ?;))")


class Detokenize(SourceSelection, RowStep):
    """Undo the spacing and quotes of tokenized English text, such as PAWS.

    Ambiguous cases stay unchanged; detokenized text does not change again.
    """

    fields: FieldNames = Field(list(SIDES), description="The text fields.")

    @field_validator("fields")
    @classmethod
    def _are_top_level(cls, fields: list[str]) -> list[str]:
        if dotted := next((name for name in fields if "." in name), None):
            raise ValueError(f"must name top-level fields, not '{dotted}'")
        return fields

    def apply(self, batch: RowBatch, stats: RowStats) -> RowBatch:
        batch, rows = map_rows(batch, stats, self._detokenize, "`detokenize` needs it")
        changed = sum(new != old for new, old in zip(rows, batch.rows, strict=True))
        stats.note("changed", changed)
        stats.note("unchanged", len(rows) - changed)
        return RowBatch(rows, batch.numbers, batch.columns)

    def _detokenize(self, row: dict[str, Any]) -> dict[str, Any]:
        return {**row, **{name: detokenized(text_of(row, name)) for name in self.fields}}


def detokenized(text: str) -> str:
    """Return the detokenized text. Idempotent."""
    tokens = text.split(" ")
    places = [index for index, token in enumerate(tokens) if token in _RULED]
    if not places:
        return text
    quotes = _quotes(tokens, places)
    for index in quotes:
        tokens[index] = '"'
    spaces = ["", *[" "] * (len(tokens) - 1)]  # the space before each token
    for index in places:
        before, after = quotes.get(index) or _joins(tokens, index)
        # Tokenizers write single spaces: do not join across several.
        if before and index and tokens[index - 1]:
            spaces[index] = ""
        if after and index + 1 < len(tokens) and tokens[index + 1]:
            spaces[index + 1] = ""
    text = "".join([part for both in zip(spaces, tokens, strict=True) for part in both])
    return _GENITIVE.sub("", text) if len(_LOOSE.findall(text)) == 1 else text


def _quotes(tokens: list[str], places: list[int]) -> dict[int, tuple[bool, bool]]:
    """Return for each double quote whether it joins the token before it and the one after it.

    An even number of quotes open and close in turn, whatever their signs; with an odd number the
    sign decides.
    """
    places = [index for index in places if tokens[index] in _QUOTES]
    odd = len(places) % 2
    opens = [tokens[i] == "``" if odd else not turn % 2 for turn, i in enumerate(places)]
    return {place: (not each, each) for place, each in zip(places, opens, strict=True)}


def _joins(tokens: list[str], index: int) -> tuple[bool, bool]:
    """Return whether a token joins the one before it, and the one after it."""
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


STEP = Detokenize
