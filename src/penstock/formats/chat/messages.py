"""Chat messages: the order of their roles, and conversion from and to LLaMA-Factory's layouts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from penstock.fields import MISSING, kind_of
from penstock.formats.chat.dataset_info import DatasetEntry

#: The roles of prompts (even turns) and of answers (odd turns); a system prompt comes first.
ASKING = ("user", "tool")
ANSWERING = ("assistant", "function")
ROLES = ("system", *ASKING, *ANSWERING)

#: The tag that holds the name of each role in an entry of `dataset_info.json`.
_ROLE_TAGS = {
    "user": "user_tag",
    "assistant": "assistant_tag",
    "tool": "observation_tag",
    "function": "function_tag",
    "system": "system_tag",
}
#: The tags that LLaMA-Factory's templates put around a function call, and around the thought before
#: it (data/template.py, `tool_call_words` and `thought_words`).
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

Messages = list[dict[str, Any]]


class Message(NamedTuple):
    """One turn: `role` is one of ROLES."""

    role: str
    content: str


@dataclass(frozen=True)
class ChatRow:
    """The messages of a row and its location: the line, or the row's number, from 1."""

    messages: list[Message]
    file: Path
    number: int


class Problem(NamedTuple):
    """What is wrong with a row: a code for findings, and a message that names the turn."""

    code: str
    message: str


def problem_of(messages: Sequence[Mapping[str, Any]]) -> Problem | None:
    """Return what is wrong with the messages of a row (`role`, `content`), None for nothing.

    LLaMA-Factory 0.9.5 requires this order: optionally a system prompt, then user (or tool) and
    assistant (or function) in turn, ending with an answer. It drops other rows with a warning. It
    keeps an answer without text and trains on it.
    """
    for number, message in enumerate(messages, 1):
        if (problem := _problem_of_message(message, number)) is not None:
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
            reason = "is no JSON with `name` and `arguments`"
            return Problem("message-invalid", f"turn {index + 1}, of function, {reason}")
    return None


def _problem_of_message(message: Any, number: int) -> Problem | None:
    if type(message) is dict:  # most messages are valid, and this test is fast
        role, content = message.get("role"), message.get("content")
        if type(content) is str and role in ROLES:
            return None
    if not isinstance(message, Mapping):
        return Problem("message-invalid", f"message {number} is {kind_of(message)}")
    for key in ("role", "content"):
        value = message.get(key)
        if not isinstance(value, str):
            reason = f"is {kind_of(value)}, must be text" if key in message else "is missing"
            return Problem("message-invalid", f"`{key}` of message {number} {reason}")
    return None if message["role"] in ROLES else _unknown_role(number, ROLES)


def _unknown_role(number: int, known: Sequence[str]) -> Problem:
    message = f"the role of message {number} is none of {', '.join(known)}"
    return Problem("role-unknown", message)


def _is_call(content: str) -> bool:
    """Return True if some template reads a text as one or more function calls in JSON.

    A template reads the text between its call tags, or else the text without its thought.
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


def messages_of(row: Any, entry: DatasetEntry) -> Messages | Problem:
    """Return the messages of a row in the layout of its entry, or what is wrong with it."""
    if not isinstance(row, Mapping):
        return Problem("not-an-object", f"{kind_of(row)}, must be an object")
    found = _from_alpaca(row, entry) if entry.formatting == "alpaca" else _from_turns(row, entry)
    if isinstance(found, Problem):
        return found
    return problem_of(found) or found


def _from_turns(row: Mapping[str, Any], entry: DatasetEntry) -> Messages | Problem:
    column = entry.columns.get("messages", "")
    turns = row.get(column, MISSING)
    if not isinstance(turns, list):
        reason = "is missing" if turns is MISSING else f"is {kind_of(turns)}, must be a list"
        return Problem("messages-missing", f"the field '{column}' {reason}")
    tags = entry.tags
    keys = {"role": tags.get("role_tag", "role"), "content": tags.get("content_tag", "content")}
    roles = {tags[tag]: role for role, tag in _ROLE_TAGS.items() if tag in tags}
    messages = messages_of_turns(turns, keys, roles)
    if isinstance(messages, Problem) or (messages and messages[0].get("role") == "system"):
        return messages  # LLaMA-Factory then ignores the system column
    return _system(row, entry) + messages


def messages_of_turns(
    turns: Sequence[Any], keys: Mapping[str, str], roles: Mapping[str, str]
) -> Messages | Problem:
    """Return turns as messages in any order of roles, or what is wrong with one.

    `keys` maps `role` and `content` to the turns' keys, `roles` the turns' role names to ROLES.
    """
    messages = []
    for number, turn in enumerate(turns, 1):
        if type(turn) is dict:  # most turns are valid, and this path is fast
            role, content = turn.get(keys["role"]), turn.get(keys["content"])
            if type(role) is str and type(content) is str and role in roles:
                messages.append({"role": roles[role], "content": content})
                continue
        if not isinstance(turn, Mapping):
            return Problem("message-invalid", f"a message is {kind_of(turn)}, must be an object")
        if missing := [key for key in keys.values() if key not in turn]:
            return Problem("message-invalid", f"`{missing[0]}` of message {number} is missing")
        message = {name: turn[key] for name, key in keys.items()}
        role = message["role"]
        if isinstance(role, str):
            if role not in roles:
                return _unknown_role(number, list(roles))
            message["role"] = roles[role]
        messages.append(message)
    return messages


def _from_alpaca(row: Mapping[str, Any], entry: DatasetEntry) -> Messages | Problem:
    columns = entry.columns
    output = row.get(columns.get("response", ""))
    if output is None:  # LLaMA-Factory reads it as a prompt without an answer
        return Problem("turns-odd", f"has no answer in the field '{columns.get('response')}'")
    messages = _system(row, entry)
    history = row.get(columns.get("history", ""))
    history = history if isinstance(history, list) else []  # LLaMA-Factory ignores other values
    if not all(isinstance(turn, list) and len(turn) == 2 for turn in history):
        return Problem("message-invalid", "the history is not a list of pairs")
    prompt = [row.get(columns.get(part, "")) or "" for part in ("prompt", "query")]
    if not all(isinstance(text, str) for text in prompt):
        return Problem("message-invalid", "the instruction or its input is no text")
    instruction = "\n".join(text for text in prompt if text)
    for question, answer in [*history, (instruction, output)]:
        messages.append({"role": "user", "content": question})
        messages.append({"role": "assistant", "content": answer})
    return messages


def _system(row: Mapping[str, Any], entry: DatasetEntry) -> Messages:
    text = row.get(entry.columns.get("system", ""))
    return [{"role": "system", "content": text}] if text else []


def to_alpaca(messages: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """Return valid messages as a row of the alpaca layout."""
    has_system = messages[0]["role"] == "system"
    texts = [message["content"] for message in messages[has_system:]]
    turns = [list(turn) for turn in zip(texts[::2], texts[1::2], strict=True)]
    (instruction, output), history = turns[-1], turns[:-1]
    system = messages[0]["content"] if has_system else ""
    row = {"instruction": instruction, "input": "", "output": output, "system": system}
    return {**row, "history": history}
