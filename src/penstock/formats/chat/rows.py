"""Rows of chat: who speaks in which order, and what a trainer would drop or train on in vain."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from penstock.fields import kind_of

#: Who may speak at the even turns, and who answers at the odd ones; a system prompt comes before.
ASKING = ("user", "tool")
ANSWERING = ("assistant", "function")
ROLES = ("system", *ASKING, *ANSWERING)

#: What LLaMA-Factory's templates know as the tags around a call, and around a thought before it
#: (data/template.py, `tool_call_words` and `thought_words`).
_CALL = re.compile(
    r"(?:<tool_call>|<\|tool_call_start\|>)(.*?)(?:</tool_call>|<\|tool_call_end\|>)", re.DOTALL
)
_THOUGHT = re.compile(
    r"<think>.*?</think>|<seed:think>.*?</seed:think>|◁think▷.*?◁/think▷"
    r"|<\|channel>thought\n.*?<channel\|>"
    r"|<\|channel\|>analysis<\|message\|>.*?"
    r"<\|end\|><\|start\|>assistant<\|channel\|>final<\|message\|>",
    re.DOTALL,
)


class Message(NamedTuple):
    """One turn: `role` is one of ROLES."""

    role: str
    content: str


@dataclass(frozen=True)
class ChatRow:
    """The turns of a row, and where it stands: a line from 1, in a .json file the row from 1."""

    messages: list[Message]
    file: Path
    number: int


class Problem(NamedTuple):
    """What is wrong with a row: a code for findings, and words that say where in it."""

    code: str
    message: str


def problem_of(messages: Sequence[Mapping[str, Any]]) -> Problem | None:
    """Say what is wrong with the messages of a row (`role`, `content`), None for nothing.

    The order is what LLaMA-Factory 0.9.5 demands: a system prompt at most at the beginning, then
    user (or tool) and assistant (or function) by turns, the last an answer. It drops other rows
    with a warning. An answer without text is kept and trained on.
    """
    for number, message in enumerate(messages, 1):
        if not _is_sound(message) and (problem := _problem_of_message(message, number)):
            return problem
    turns = list(messages[1:] if messages and messages[0]["role"] == "system" else messages)
    for index, message in enumerate(turns):
        expected = ANSWERING if index % 2 else ASKING
        if message["role"] not in expected:
            return Problem(
                "role-order",
                f"turn {index + 1} is of {message['role']}, must be of {' or '.join(expected)}",
            )
    if not turns or len(turns) % 2:
        return Problem("turns-odd", "the last turn is no answer" if turns else "has no turn")
    for index, message in enumerate(turns):
        if not message["content"].strip():
            code = "answer-empty" if index % 2 else "prompt-empty"
            return Problem(code, f"turn {index + 1}, of {message['role']}, has no text")
        if message["role"] == "function" and not _is_call(message["content"]):
            said = "is no JSON with `name` and `arguments`"
            return Problem("message-invalid", f"turn {index + 1}, of function, {said}")
    return None


def _is_call(content: str) -> bool:
    """Say whether some template reads a text as one or more calls of functions, in JSON.

    A template reads what stands between its tags of a call, else the text without a thought.
    """
    call = _CALL.search(content)
    readings = (content, call[1] if call else "", _THOUGHT.sub("", content, count=1))
    return any(map(_holds_calls, readings))


def _holds_calls(text: str) -> bool:
    try:
        calls = orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    listed = calls if isinstance(calls, list) else [calls]
    return all(isinstance(call, dict) and {"name", "arguments"} <= call.keys() for call in listed)


def _is_sound(message: Any) -> bool:
    """Say whether a message is one beyond doubt, which is quick to say of most."""
    return (
        type(message) is dict
        and message.get("role") in ROLES
        and type(message.get("content")) is str
    )


def _problem_of_message(message: Any, number: int) -> Problem | None:
    if not isinstance(message, Mapping):
        return Problem("message-invalid", f"message {number} is {kind_of(message)}")
    for key in ("role", "content"):
        value = message.get(key)
        if not isinstance(value, str):
            said = f"is {kind_of(value)}, must be text" if key in message else "is missing"
            return Problem("message-invalid", f"`{key}` of message {number} {said}")
    if message["role"] not in ROLES:
        known = ", ".join(ROLES)
        return Problem("role-unknown", f"the role of message {number} is none of {known}")
    return None
