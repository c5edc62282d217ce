"""Normalisation of texts, and words that a model leaves in one."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.checks.task_jsonl.text import is_quoted, model_phrase, normalise, normalise_unicode


@given(st.text(alphabet=[chr(code) for code in range(128)]))
def test_both_paths_of_normalisation_agree_on_ascii(text: str) -> None:
    assert normalise(text) == (normalise_unicode(text) or text)


@given(st.text())
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The lamp was lit.", "the  lamp was lit"),
        ("don't", "don’t"),
        ("“So,” he said", '"so" he said'),
        ("CAFÉ", "cafe\u0301"),
        ("ﬁne", "fine"),
        ("Straße", "STRASSE"),
        ("Ｆｕｌｌ　ｗｉｄｔｈ", "full width"),
        ("hyphen\u00adated", "hyphenated"),
    ],
)
def test_texts_that_differ_in_case_and_punctuation_are_equal(one: str, other: str) -> None:
    assert normalise(one) == normalise(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("one two", "onetwo"), ("कि", "का"), ("???", "!!!"), ("résumé", "resume"), ("1.5", "15")],
)
def test_texts_with_other_words_are_not_equal(one: str, other: str) -> None:
    assert normalise(one) != normalise(other)


@pytest.mark.parametrize(
    "text", ['"It rained."', " “It rained.”\n", "'It rained.'", "«Il pleut»", "„Es regnet“"]
)
def test_text_between_a_pair_of_quotation_marks_is_quoted(text: str) -> None:
    assert is_quoted(text)


@pytest.mark.parametrize("text", ['"It rained', 'He said "no"', '"', "", "'tis late\"", "``So''"])
def test_other_text_is_not_quoted(text: str) -> None:
    assert not is_quoted(text)


@pytest.mark.parametrize(
    "text",
    [
        "Certainly, here's the rephrased premise: The man fell.",
        "Certainly! Here is a rephrased version:\n\nThe man fell.",
        "Sure, here’s another way to say it: The man fell.",
        "Sure! The man fell.",
        "Of course! The man fell.",
        "Sure, I can rephrase that for you. The man fell.",
        "Absolutely. The rephrased sentence is: The man fell.",
        "Here is the rephrased premise: The man fell.",
        "Here's a paraphrased version of the sentence: The man fell.",
        "Here is the premise:\nThe man fell.",
        "Rephrased premise: The man fell.",
        "**Rephrased Premise:** The man fell.",
        "Paraphrase: The man fell.",
        'The rewritten passage: "The man fell."',
        "Premise: The man fell.",
        "Question: Which man fell?",
        "As an AI language model, I would say the man fell.",
        "As an AI, I cannot fall. The man fell.",
        "I'm sorry, but I can't assist with that request.",
        "I cannot rephrase this sentence without its context.",
        "The man fell. Let me know if you'd like another version!",
        "The man fell. Let me know if you need any further changes.",
        "The man fell.\n\nI hope this helps!",
        "The man fell. (Note: I kept the original meaning.)",
        "The man fell. This rephrased version maintains the meaning of the original.",
        "The man fell.<|im_end|>",
        "<think>Short.</think>The man fell.",
        "```\nThe man fell.\n```",
        "Assistant: The man fell.",
        "The man fell. [/INST]",
    ],
)
def test_words_of_a_model_are_found(text: str) -> None:
    assert model_phrase(text)


@pytest.mark.parametrize(
    "text",
    [
        "The man certainly fell, and here is where he lay.",
        "Certainly not, said the man, who had fallen.",
        '"Certainly! I have little right," she said.',
        '"Sure! You can rent it if you wish."',
        "Sure of his footing, the man climbed on.",
        "Of course the man fell.",
        "Here is the house that Jack built.",
        "Here's a question: who fell?",
        "I'm sorry for placing you in a difficult situation.",
        "I'm sorry, I can't come on Sunday.",
        "I cannot provide for all of them, she thought.",
        'She said, "Let me know if you can come."',
        "She let him know if there was anything else.",
        "As an AI researcher, she saw the models fail.",
        "The text on the brochure was minuscule.",
        "The revised text was adopted in 1988.",
        "What is the most likely explanation for the original statement?",
        "A: Do you fall? B: Sure, I fall. A: Okay.",
        "He rephrased the question and hoped that this would help.",
        "Each component maintains the same voltage.",
        "Dear sir, note: the bridge is closed.",
    ],
)
def test_ordinary_text_has_no_words_of_a_model(text: str) -> None:
    assert model_phrase(text) is None


def test_every_ascii_letter_and_digit_counts() -> None:
    assert normalise(string.ascii_letters) == string.ascii_lowercase * 2
    assert normalise(string.digits) == string.digits
