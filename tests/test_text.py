"""What stands for a text when two are compared."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.text import Normalise, normalised


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("none", " Née , in\u00a0 “L.A.” "),
        ("whitespace", "Née , in “L.A.”"),
        ("nfkc_casefold", "née , in “l.a.”"),
        ("ascii", "ne  in la"),
        ("letters", "neeinla"),
    ],
)
def test_each_level_leaves_less(how: Normalise, expected: str) -> None:
    assert normalised(" Née , in\u00a0 “L.A.” ", how) == expected


@pytest.mark.parametrize("how", ["ascii", "letters"])
@pytest.mark.parametrize("text", ["?!", " ... ", "∇ = ©"])
def test_texts_of_signs_alone_keep_them(how: Normalise, text: str) -> None:
    assert normalised(text, how) == normalised(text, "nfkc_casefold") != ""


def test_ascii_keeps_texts_of_other_scripts_apart() -> None:
    assert normalised("水が流れる", "ascii") != normalised("水が落ちる", "ascii")
    assert normalised("水が。", "letters") == normalised("水 が", "letters")


@pytest.mark.parametrize(
    ("one", "other"), [("学校が", "学校か"), ("वह हो", "वह है"), ("ไม้", "ไม่"), ("כֹּל", "כַּל")]
)
def test_marks_that_are_no_accents_keep_words_apart(one: str, other: str) -> None:
    assert normalised(one, "letters") != normalised(other, "letters")


@given(st.text(max_size=20))
def test_what_is_pure_ascii_goes_the_same_way_as_the_rest(text: str) -> None:
    ascii_text = text.encode("ascii", "ignore").decode()
    slow = normalised(f"é{ascii_text}", "letters").removeprefix("e")
    assert normalised(f"e{ascii_text}", "letters").removeprefix("e") == slow


@given(st.text(max_size=20), st.sampled_from(["whitespace", "nfkc_casefold", "letters"]))
def test_what_is_normalised_stays_so(text: str, how: Normalise) -> None:
    once = normalised(text, how)
    assert normalised(once, how) == once
