"""The words of a text, and how far the words of two texts are apart."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

from penstock.text import normalised

EditShare = Callable[[Sequence[Hashable], Sequence[Hashable]], float]


def words_of(text: str) -> list[str]:
    """Return what stands between white space, case and the forms of Unicode (NFKC) apart."""
    if text.isascii():
        return text.lower().split()
    return normalised(text, "nfkc_casefold").split()


def edit_share() -> EditShare:
    """Return the function that gives the edit distance (Levenshtein) of two sequences.

    It is a share of the longer: 0 for equal ones, 1 where they have nothing in common.
    """
    from rapidfuzz.distance import Levenshtein

    share: EditShare = Levenshtein.normalized_distance
    return share
