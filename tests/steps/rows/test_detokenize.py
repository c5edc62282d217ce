"""The step `detokenize`: text as it was before it was cut into tokens, where that can be told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from helpers.step_batches import rows, stats
from penstock.errors import ConfigError
from penstock.steps import STEPS, StepPosition
from penstock.steps.rows.detokenize import detokenized

TOKENS = st.sampled_from(
    [
        *",.;:!?%)]}([{$£#'’“”\"‘&",
        *("...", "``", "''", "'s", "'re", "n't", "s", "dogs", "do", "a", "D", "4", "12", "1234"),
        *("5%", "--", "-", "", "amp", "'Where", "(4", "x,", "I'm", "\n", "é"),
    ]
)


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        ("They came , saw ; and left : all .", "They came, saw; and left: all."),
        ("Peter ( Pete ) [ sic ] , too !", "Peter (Pete) [sic], too!"),
        ("the `` SSBavarian '' in August", 'the "SSBavarian" in August'),
        ("in `` The One '' , `` The Other '' .", 'in "The One", "The Other".'),
        ("the genus '' Oecomys '' of `` rats ``", 'the genus "Oecomys" of "rats"'),
        ("he said : `` Yes ! ''", 'he said: "Yes!"'),
        ("“ Cosmic Explorer ” was", "“Cosmic Explorer” was"),
        ("Sweden 's king and the Aud 's", "Sweden's king and the Aud's"),
        ("John Eliot ’ s and the 1930 ’ s", "John Eliot’s and the 1930’s"),
        ("We 've seen they do n't", "We've seen they don't"),
        ("of Apollonius ' problem", "of Apollonius' problem"),
        ("85 % of $ 60,000 , member # 111", "85% of $60,000, member #111"),
        ("won 6 : 3 ( 104 : 0 ) at 9 : 55", "won 6:3 (104:0) at 9:55"),
        ("he waited ... and left", "he waited... and left"),
        ("Texas A & M , U.S .", "Texas A & M, U.S."),
    ],
)
def test_signs_and_quotes_stand_where_they_stood(tokens: str, text: str) -> None:
    assert detokenized(tokens) == text


@pytest.mark.parametrize(
    "text",
    [
        "The base - PDS-1 and 1892 -- 1945",  # was it a hyphen, a dash, a range?
        "the ' illegal ' one and the ‘ illegal ’ one",  # may be quotes
        "the girls ' and boys ' school",
        "O ' ; Brien",  # what is left of an entity
        "formula _ 114 and / or C # is",
        "in 2000 : 5",
        "36 ° C",
        'Nothing to do here, it\'s (all) "right".',
        "",
        "  two  spaces  ",
    ],
)
def test_what_cannot_be_told_is_left(text: str) -> None:
    assert detokenized(text) == text.replace(" : 5", ": 5")


@settings(max_examples=2000)
@given(st.lists(TOKENS, max_size=9).map(" ".join))
def test_text_that_was_put_together_does_not_change_again(text: str) -> None:
    once = detokenized(text)
    assert detokenized(once) == once


@settings(max_examples=500)
@given(st.lists(TOKENS, max_size=9).map(" ".join))
def test_nothing_but_spaces_and_quotes_is_touched(text: str) -> None:
    plain = re.sub(r"(?<!\S)(``|'')(?!\S)", '"', text)
    assert detokenized(text).replace(" ", "") == plain.replace(" ", "")


@given(st.lists(st.sampled_from(["the", "Wheel", "of", "1945", "é", ",", "(", ")", "``", "''"])))
def test_no_two_words_are_joined(tokens: list[str]) -> None:
    words = [token for token in tokens if token.isalnum()]
    assert re.findall(r"\w+", detokenized(" ".join(tokens))) == words


def paws_sentences(shared_data: Path) -> list[tuple[str, str]]:
    """Return the sentences of every pair of the dev and test files."""
    lines = [
        line.rstrip("\r\n").split("\t")
        for name in ("dev", "test")
        for line in (shared_data / f"pairs/paws/{name}.tsv").open(encoding="utf-8", newline="\n")
    ]
    return [(line[1], line[2]) for line in lines if line[0] != "id"]


def test_of_real_pairs_nearly_all_change_and_no_sign_stands_apart(shared_data: Path) -> None:
    pairs = paws_sentences(shared_data)
    changed = sum(any(detokenized(side) != side for side in pair) for pair in pairs)
    assert len(pairs) == 16_000
    assert changed / len(pairs) > 0.997
    mended = [detokenized(side) for pair in pairs for side in pair]
    assert [text for text in mended if detokenized(text) != text] == []
    apart = re.compile(r"\s([,.!?)]|``|'')(?!\w)|[(]\s")
    assert sum(bool(apart.search(text)) for text in mended) == 0


def test_of_real_pairs_words_stay_as_they_were(shared_data: Path) -> None:
    word = re.compile(r"\w+")
    for pair in paws_sentences(shared_data):
        for side in pair:
            assert word.findall(detokenized(side)) == word.findall(side)


def test_rows_that_change_are_counted_and_others_stay() -> None:
    step = STEPS.get("detokenize").model_validate({"fields": ["text"]})
    counted = stats()
    made = step.apply(rows({"text": "a , b", "id": 1}, {"text": "a, b"}), counted)
    assert made.rows == [{"text": "a, b", "id": 1}, {"text": "a, b"}]
    assert counted.current.noted == {"changed": 1, "unchanged": 1}


def test_sources_are_named_as_the_recipe_names_them() -> None:
    step = STEPS.get("detokenize").model_validate({"sources": ["paws"]})
    assert [step.works_on(name) for name in ("paws", "qqp")] == [True, False]
    with pytest.raises(ConfigError, match="sources: there is no source 'paws'; did you mean 'paw'"):
        step.verify(StepPosition([], [], ["paw", "qqp"]))


def test_fields_within_others_are_refused() -> None:
    with pytest.raises(ValidationError, match="must name top-level fields"):
        STEPS.get("detokenize").model_validate({"fields": ["a.b"]})
