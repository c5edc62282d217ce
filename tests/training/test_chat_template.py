"""Which tokens of a conversation are trained: the answers with their end-of-turn tokens."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.chat_data import END, MARKED, chat_row, chat_rows, turns
from helpers.chat_entries import PLAIN, Turns
from penstock.errors import ConfigError
from penstock.training.chat.template import ChatTemplate, EncodedChat
from penstock.training.model import load_tokenizer

#: Layouts of turns in other model families; each ends an answer with END.
INST = (
    "{% for m in messages %}"
    "{% if m['role'] == 'user' %}{{ '[INST] ' + m['content'] + ' [/INST]' }}"
    "{% elif m['role'] == 'assistant' %}{{ ' ' + m['content'] + '<|end|>' }}"
    "{% else %}{{ m['content'] + '\n' }}{% endif %}"
    "{% endfor %}"
)
TRIMMED = (
    "{% for m in messages %}"
    "{{ '<' + m['role'] + '>\n\n' + m['content'] | trim + '<|end|>' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<assistant>\n\n' }}{% endif %}"
)
ENDED_TWICE = PLAIN + "{% if not add_generation_prompt %}{{ '<|end|>' }}{% endif %}"
TEMPLATES = {
    "plain": PLAIN,
    "marked": MARKED,
    "inst": INST,
    "trimmed": TRIMMED,
    "ended twice": ENDED_TWICE,
}


def trained_texts(tokenizer: Any, chat: EncodedChat) -> list[str]:
    """Return each run of trained tokens as text."""
    runs = groupby(zip(chat.ids.tolist(), chat.trained.tolist(), strict=True), lambda p: p[1])
    return [tokenizer.decode([token for token, _ in run]) for trained, run in runs if trained]


def answers(conversation: Turns) -> list[str]:
    return [content + END for role, content in conversation if role == "assistant"]


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)
def test_answers_are_trained_up_to_the_end_of_their_turn(tokenizer: Any, template: str) -> None:
    rows = chat_rows(6)
    encoded = ChatTemplate(tokenizer, template).encode(rows)
    for row, chat in zip(rows, encoded, strict=True):
        found = [text.removeprefix(" ") for text in trained_texts(tokenizer, chat)]
        assert found == answers([*map(tuple, row.messages)])


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)
def test_the_tokens_are_those_of_the_complete_conversation(tokenizer: Any, template: str) -> None:
    rows = chat_rows(6)
    encoded = ChatTemplate(tokenizer, template).encode(rows)
    for row, chat in zip(rows, encoded, strict=True):
        messages = [message._asdict() for message in row.messages]
        complete = tokenizer.apply_chat_template(messages, return_dict=False)
        assert chat.ids.tolist() == complete


def test_marks_and_headers_find_the_same_answers(tokenizer: Any) -> None:
    rows = chat_rows(12)
    by_headers = ChatTemplate(tokenizer, PLAIN).encode(rows)
    by_marks = ChatTemplate(tokenizer, MARKED).encode(rows)
    for one, other in zip(by_headers, by_marks, strict=True):
        assert one.ids.tolist() == other.ids.tolist()
        assert one.trained.tolist() == other.trained.tolist()


@pytest.mark.parametrize("template", [PLAIN, MARKED])
def test_mask_history_trains_only_the_last_answer(tokenizer: Any, template: str) -> None:
    (chat,) = ChatTemplate(tokenizer, template, last_only=True).encode([chat_row(turns(0))])
    assert trained_texts(tokenizer, chat) == answers(turns(0))[-1:]


# Text without outer white space: a text that starts with white space may share a token with the
# header before it, which is refused.
words = (
    st.text(min_size=1, max_size=30).map(str.strip).filter(lambda text: text and END not in text)
)


@settings(max_examples=60)
@given(pairs=st.lists(st.tuples(words, words), min_size=1, max_size=3))
def test_answers_are_found_in_any_text(tokenizer: Any, pairs: list[tuple[str, str]]) -> None:
    conversation = [turn for q, a in pairs for turn in (("user", q), ("assistant", a))]
    (chat,) = ChatTemplate(tokenizer, PLAIN).encode([chat_row(conversation)])
    assert trained_texts(tokenizer, chat) == answers(conversation)


def test_an_end_of_turn_token_inside_a_question_is_not_trained(tokenizer: Any) -> None:
    conversation = [
        ("user", f"What is {END}?"),
        ("assistant", f"The {END} of a turn."),
        ("user", END),
    ]
    conversation += [("assistant", "Everybody laughed.")]
    (chat,) = ChatTemplate(tokenizer, PLAIN).encode([chat_row(conversation)])
    assert trained_texts(tokenizer, chat) == answers(conversation)


THINKING = PLAIN.replace(
    "{{ message['role']",
    "{{ ('assistant\n<think>\n\n</think>\n\n' + message['content'] + '<|end|>\n') "
    "if loop.last and message['role'] == 'assistant' else message['role']",
)
FORGETFUL = PLAIN.replace(
    "message['content']",
    "message['content'][: 80 if loop.last or message['role'] != 'assistant' else 3]",
)
HEADLESS = PLAIN.replace("'assistant\n' }}{% endif", "'model\n' }}{% endif")
ENDLESS = PLAIN.replace("<|end|>", "")
MERGING = PLAIN.replace("'\n' +", "' ' +").replace("'assistant\n'", "'assistant '")
PARTLY_MARKED = MARKED.replace("message['role'] == 'assistant'", "loop.last")


@pytest.mark.parametrize(
    ("template", "why"),
    [
        (THINKING, "it puts something between the header and the answer"),
        (FORGETFUL, "it writes a turn differently when others follow"),
        (HEADLESS, "the generation prompt is not the header of the answer"),
        (ENDLESS, "no special token ends an answer"),
        (MERGING, "the end of the header and the answer share a token"),
        (PARTLY_MARKED, "it marks 1 answers instead of 2"),
        ("{{ raise_exception('no system prompt') }}", r"it refuses the row \(no system prompt\)"),
    ],
)
def test_an_unusable_template_is_refused_with_row_and_fix(
    tokenizer: Any, template: str, why: str
) -> None:
    rows = [chat_row(turns(3), 7)]
    with pytest.raises(ConfigError, match=rf"chat_template: .*chats\.jsonl:7: {why}.*generation %"):
        ChatTemplate(tokenizer, template).encode(rows)


def test_the_row_that_a_template_refuses_is_named(tokenizer: Any) -> None:
    refuse = "{% if messages | length > 3 %}{{ raise_exception('too many') }}{% endif %}" + PLAIN
    rows = [chat_row(turns(n), n) for n in (1, 2, 3, 4)]
    with pytest.raises(ConfigError, match=r"chats\.jsonl:3: it refuses the row \(too many\)"):
        ChatTemplate(tokenizer, refuse).encode(rows)


def test_a_tokenizer_without_a_template_is_refused(tokenizer: Any) -> None:
    tokenizer.chat_template = None
    with pytest.raises(ConfigError, match=r"chat_template: .* has no chat template; name a file"):
        ChatTemplate(tokenizer)


def test_tool_turns_are_refused(tokenizer: Any) -> None:
    conversation = [("user", "Look."), ("function", "{}"), ("tool", "3"), ("assistant", "Three.")]
    with pytest.raises(ConfigError, match=r"chats\.jsonl:1: the row has turns of function, tool"):
        ChatTemplate(tokenizer, PLAIN).encode([chat_row(conversation)])


def test_a_template_with_the_date_gives_the_same_tokens_on_any_day(tokenizer: Any) -> None:
    dated = "{{ strftime_now('%d %b %Y') + '\n' }}" + PLAIN
    (chat,) = ChatTemplate(tokenizer, dated).encode(chat_rows(1))
    assert tokenizer.decode(chat.ids).startswith("26 Jul 2024\n")


@pytest.mark.parametrize("start", ["\n", "  {% if true %}a{% endif %}", "{# #} {{ 'b' }}"])
def test_a_fixed_date_changes_nothing_else(tokenizer: Any, start: str) -> None:
    dated = start + "{% if false %}{{ strftime_now('%Y') }}{% endif %}" + PLAIN
    (found,) = ChatTemplate(tokenizer, dated).encode(chat_rows(1))
    (expected,) = ChatTemplate(tokenizer, dated.replace("strftime_now", "range")).encode(
        chat_rows(1)
    )
    assert found.ids.tolist() == expected.ids.tolist()


def test_unsupported_date_codes_are_refused(tokenizer: Any) -> None:
    clock = "{{ strftime_now('%d %b %Y, %H o\\'clock') + '\n' }}" + PLAIN
    with pytest.raises(
        ConfigError, match=r"it writes the date as .*%H.*; only %d, .* are supported"
    ):
        ChatTemplate(tokenizer, clock).encode(chat_rows(1))


def test_the_answers_of_a_real_template_are_found(shared_data: Path) -> None:
    """Qwen2.5 adds a default system prompt to a conversation without one."""
    tokenizer = load_tokenizer(str(shared_data / "tokenizers" / "qwen2_5"))
    conversation: Turns = [("user", "Wer da?"), ("assistant", "Ich, ä 🙂."), ("user", "So?")]
    conversation += [("assistant", "  So ist es.\n\nJa. ")]
    (chat,) = ChatTemplate(tokenizer).encode([chat_row(conversation)])
    assert trained_texts(tokenizer, chat) == [
        "Ich, ä 🙂.<|im_end|>",
        "  So ist es.\n\nJa. <|im_end|>",
    ]
    assert tokenizer.decode(chat.ids).startswith("<|im_start|>system\nYou are Qwen")
