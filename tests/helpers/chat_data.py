"""Conversations to train on, and a chat template that marks the answers."""

from __future__ import annotations

from pathlib import Path

from helpers.chat_entries import Turns
from helpers.training_data import EVENTS, NAMES
from penstock.formats.chat import ChatRow, Message

#: The only special token of the tiny tokenizer.
END = "<|end|>"
MARKED = (
    "{% for message in messages %}{{ message['role'] + '\n' }}"
    "{% if message['role'] == 'assistant' %}"
    "{% generation %}{{ message['content'] + '<|end|>' }}{% endgeneration %}"
    "{% else %}{{ message['content'] + '<|end|>' }}{% endif %}{{ '\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ 'assistant\n' }}{% endif %}"
)


def turns(number: int) -> Turns:
    """Return a distinct conversation; every third has two answers."""
    deed, effect = EVENTS[number % 5]
    name = NAMES[number % 7]
    conversation = [
        ("system", "Say what came of it."),
        ("user", f"{number}. {name} {deed}."),
        ("assistant", effect),
    ]
    if number % 3 == 0:
        other = NAMES[(number + 1) % 7]
        conversation += [("user", f"And {other}?"), ("assistant", f"{other} laughed.")]
    return conversation


def chat_row(conversation: Turns, number: int = 1) -> ChatRow:
    """Return a row as it is read."""
    return ChatRow([Message(*turn) for turn in conversation], Path("chats.jsonl"), number)


def chat_rows(count: int, first: int = 0) -> list[ChatRow]:
    """Return rows as they are read."""
    return [chat_row(turns(number), number) for number in range(first, first + count)]


def conversations(count: int, first: int = 0) -> list[Turns]:
    """Return conversations for `write_chat`."""
    return [turns(number) for number in range(first, first + count)]
