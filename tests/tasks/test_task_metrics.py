"""Generated answers are scored as in the SQuAD evaluation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.tasks._base import exact_match, f1, normalize_answer


@pytest.mark.parametrize(
    ("text", "normalized"),
    [
        ("The  Virgin\nMary!", "virgin mary"),
        ("a man, an apple & the theatre", "man apple theatre"),
        ("U.S.A.", "usa"),
        ("the", ""),
    ],
)
def test_case_punctuation_articles_and_spaces_are_ignored(text: str, normalized: str) -> None:
    assert normalize_answer(text) == normalized


@pytest.mark.parametrize(
    ("answer", "reference", "score"),
    [
        ("the cat", "Cat.", 1.0),
        ("black cat", "cat", 2 / 3),
        ("cat cat", "cat", 2 / 3),
        ("dog", "cat", 0.0),
        ("", "cat", 0.0),
        ("the", "a", 1.0),
    ],
)
def test_f1_is_the_harmonic_mean_over_words(answer: str, reference: str, score: float) -> None:
    assert f1(answer, reference) == pytest.approx(score)
    assert f1(reference, answer) == pytest.approx(score)


@given(st.text("ab ,the", max_size=12), st.text("ab ,the", max_size=12))
def test_f1_is_from_0_to_1_and_1_for_an_exact_match(a: str, b: str) -> None:
    assert 0 <= f1(a, b) <= 1
    if exact_match(a, b):
        assert f1(a, b) == 1
