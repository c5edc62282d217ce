"""Directories of chat rows as LLaMA-Factory reads them, and a template for tiny tokenizers."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

#: A conversation: role and content of each turn.
Turns = list[tuple[str, str]]

#: Ends each turn with the special token that the tiny models have.
PLAIN = (
    "{% for message in messages %}"
    "{{ message['role'] + '\n' + message['content'] + '<|end|>\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ 'assistant\n' }}{% endif %}"
)
_TAGS = {"role_tag": "role", "content_tag": "content", "system_tag": "system"}


def chat_line(said: Turns) -> str:
    """Return a conversation as a line."""
    return json.dumps({"messages": [{"role": r, "content": c} for r, c in said]}) + "\n"


def write_chat(directory: Path, **entries: Iterable[Turns]) -> Path:
    """Write a directory with one file and one entry per list of conversations."""
    directory.mkdir(parents=True, exist_ok=True)
    info = {
        name: {
            "file_name": f"{name}.jsonl",
            "formatting": "sharegpt",
            "columns": {"messages": "messages"},
            "tags": _TAGS | {"user_tag": "user", "assistant_tag": "assistant"},
        }
        for name in entries
    }
    for name, rows in entries.items():
        (directory / f"{name}.jsonl").write_text("".join(map(chat_line, rows)))
    (directory / "dataset_info.json").write_text(json.dumps(info))
    return directory


def numbers(count: int, first: int = 0) -> list[Turns]:
    """Return short, distinct conversations."""
    return [
        [("user", f"Say number {n}."), ("assistant", f"The number is {n}.")]
        for n in range(first, first + count)
    ]
