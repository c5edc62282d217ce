"""Rows of LLaMA-Factory's layouts to messages with `role` and `content`, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from penstock.fields import MISSING, kind_of
from penstock.formats.chat.dataset_info import DatasetEntry
from penstock.formats.chat.rows import Problem, problem_of

#: The tag of each role.
_ROLE_TAGS = {
    "user": "user_tag",
    "assistant": "assistant_tag",
    "tool": "observation_tag",
    "function": "function_tag",
    "system": "system_tag",
}


def messages_of(row: Any, entry: DatasetEntry) -> list[dict[str, str]] | Problem:
    """Return the messages of a row that lies as its entry says, or what is wrong with it."""
    if not isinstance(row, Mapping):
        return Problem("not-an-object", f"{kind_of(row)}, must be an object")
    found = _of_alpaca(row, entry) if entry.formatting == "alpaca" else _of_turns(row, entry)
    if isinstance(found, Problem):
        return found
    return problem_of(found) or found


def _of_turns(row: Mapping[str, Any], entry: DatasetEntry) -> list[dict[str, Any]] | Problem:
    column = entry.columns.get("messages", "")
    turns = row.get(column, MISSING)
    if not isinstance(turns, list):
        said = "is missing" if turns is MISSING else f"is {kind_of(turns)}, must be a list"
        return Problem("messages-missing", f"the field '{column}' {said}")
    tags = entry.tags
    keys = {"role": tags.get("role_tag", "role"), "content": tags.get("content_tag", "content")}
    roles = {tags[tag]: role for role, tag in _ROLE_TAGS.items() if tag in tags}
    messages = messages_of_turns(turns, keys, roles)
    if isinstance(messages, Problem) or (messages and messages[0].get("role") == "system"):
        return messages  # and what a column says besides is not read
    return _system(row, entry) + messages


def messages_of_turns(
    turns: Sequence[Any], keys: Mapping[str, str], roles: Mapping[str, str]
) -> list[dict[str, Any]] | Problem:
    """Return turns as messages, whatever their order, or what is wrong with one.

    `keys` says what `role` and `content` are called, `roles` which role each name is.
    """
    messages = []
    for number, turn in enumerate(turns, 1):
        if type(turn) is dict:  # most are right, and this is quick
            role, content = turn.get(keys["role"]), turn.get(keys["content"])
            if type(role) is str and type(content) is str and role in roles:
                messages.append({"role": roles[role], "content": content})
                continue
        if not isinstance(turn, Mapping):
            return Problem("message-invalid", f"a message is {kind_of(turn)}, must be an object")
        if missing := [key for key in keys.values() if key not in turn]:
            said = f"`{missing[0]}` of message {number} is missing"
            return Problem("message-invalid", said)
        message = {name: turn[key] for name, key in keys.items()}
        role = message["role"]
        if isinstance(role, str):
            if role not in roles:
                known = ", ".join(roles)
                return Problem("role-unknown", f"the role of message {number} is none of {known}")
            message["role"] = roles[role]
        messages.append(message)
    return messages


def _of_alpaca(row: Mapping[str, Any], entry: DatasetEntry) -> list[dict[str, Any]] | Problem:
    columns = entry.columns
    output = row.get(columns.get("response", ""))
    if output is None:  # to LLaMA-Factory, a prompt to answer
        return Problem("turns-odd", f"has no answer in the field '{columns.get('response')}'")
    messages = _system(row, entry)
    history = row.get(columns.get("history", ""))
    history = history if isinstance(history, list) else []  # else it is not read
    if not all(isinstance(turn, list) and len(turn) == 2 for turn in history):
        return Problem("message-invalid", "the history is no list of pairs")
    prompt = [row.get(columns.get(part, "")) or "" for part in ("prompt", "query")]
    if not all(isinstance(text, str) for text in prompt):
        return Problem("message-invalid", "the instruction or its input is no text")
    asked = "\n".join(text for text in prompt if text)
    for question, answer in [*history, (asked, output)]:
        messages.append({"role": "user", "content": question})
        messages.append({"role": "assistant", "content": answer})
    return messages


def _system(row: Mapping[str, Any], entry: DatasetEntry) -> list[dict[str, Any]]:
    """Return the system prompt of a row that has it in a column of its own."""
    text = row.get(entry.columns.get("system", ""))
    return [{"role": "system", "content": text}] if text else []


def to_alpaca(messages: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """Return messages, in their right order, as a row of the alpaca layout."""
    has_system = messages[0]["role"] == "system"
    texts = [message["content"] for message in messages[has_system:]]
    turns = [list(turn) for turn in zip(texts[::2], texts[1::2], strict=True)]
    (instruction, output), history = turns[-1], turns[:-1]
    system = messages[0]["content"] if has_system else ""
    row = {"instruction": instruction, "input": "", "output": output, "system": system}
    return {**row, "history": history}
