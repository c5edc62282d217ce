"""Scores of written answers, as the SQuAD evaluation defines them (Rajpurkar et al. 2016)."""

from __future__ import annotations

import re
import string
from collections import Counter

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalise_answer(text: str) -> str:
    """Return lower-case words without punctuation and articles, single spaces between."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def exact_match(answer: str, reference: str) -> float:
    """Return 1.0 when both are the same words, else 0.0."""
    return float(normalise_answer(answer) == normalise_answer(reference))


def f1(answer: str, reference: str) -> float:
    """Return the harmonic mean of precision and recall over the words, from 0 to 1."""
    answered, referred = normalise_answer(answer).split(), normalise_answer(reference).split()
    if not answered or not referred:
        return float(answered == referred)
    common = sum((Counter(answered) & Counter(referred)).values())
    return 2 * common / (len(answered) + len(referred))
