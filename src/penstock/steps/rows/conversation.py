"""The step `conversation`: rows with a conversation in a known layout become `messages`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from penstock.batches import RowBatch, RowStats
from penstock.errors import did_you_mean
from penstock.fields import MISSING, find, kind_of
from penstock.formats.chat import DatasetEntry, Problem, messages_of, messages_of_turns, problem_of
from penstock.steps._base import RowStep
from penstock.steps._fields import UnusableError, field_of, map_rows

Role = Literal["system", "user", "assistant", "tool", "function"]

#: The field names of each layout.
_FIELDS: Mapping[str, Mapping[str, str]] = {
    "sharegpt": {
        "messages": "conversations",
        "role": "from",
        "content": "value",
        "system": "system",
    },
    "openai": {"messages": "messages", "role": "role", "content": "content", "system": "system"},
    "alpaca": {
        "instruction": "instruction",
        "input": "input",
        "output": "output",
        "system": "system",
        "history": "history",
    },
}
#: The role of each name in a layout.
_ROLES: Mapping[str, Mapping[str, Role]] = {
    "sharegpt": {
        "human": "user",
        "gpt": "assistant",
        "system": "system",
        "observation": "tool",
        "function_call": "function",
    },
    "openai": {"user": "user", "assistant": "assistant", "system": "system", "tool": "tool"},
}
#: The columns of `dataset_info.json` for the fields of an alpaca row.
_COLUMNS = {
    "prompt": "instruction",
    "query": "input",
    "response": "output",
    "system": "system",
    "history": "history",
}


class Conversation(RowStep):
    """Make `messages` of rows with a conversation: a list of turns, or the fields of alpaca.

    The turns must have the order that LLaMA-Factory (0.9.5) requires: an optional system prompt,
    then user (or tool) and assistant (or function) alternately, an answer last. A row with another
    order or with a turn without text is bad.
    """

    layout: Literal["sharegpt", "openai", "alpaca"] = Field(
        "sharegpt",
        description="sharegpt: `conversations`, a list of turns with `from` (human, gpt) and "
        "`value`; openai: `messages`, a list of turns with `role` (user, assistant) and `content`; "
        "alpaca: `instruction`, `input`, `output`, `history`. All may have `system`.",
    )
    fields: dict[str, str] = Field(
        default_factory=dict,
        description="Other field names than the layout's: {messages: dialogue, role: speaker} or "
        "{input: context}. `a.b` is field b of object a, except for the keys of a turn.",
    )
    roles: dict[str, Role] = Field(
        default_factory=dict, description="The roles of further names: {customer: user}."
    )
    system: str | None = Field(
        None,
        min_length=1,
        description="The system prompt for conversations without one; null: none.",
    )
    prompt: str | None = Field(
        None,
        min_length=1,
        description="A field for the first user turn, which `deduplicate` and `components` can "
        "compare; drop it with `keep`. null: no such field.",
    )
    metadata: list[str] = Field(
        default_factory=list, description="Fields to keep beside `messages`."
    )

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        known = _FIELDS[self.layout]
        for name in self.fields:
            if name not in known:
                hint = did_you_mean(name, known) or f"; it has {', '.join(known)}"
                raise ValueError(f"fields: the layout {self.layout} has no '{name}'{hint}")
        if self.roles and self.layout not in _ROLES:
            raise ValueError(f"roles: the layout {self.layout} has no roles; remove the setting")
        taken = ["messages", *([self.prompt] if self.prompt else []), *self.metadata]
        if len(set(taken)) < len(taken):
            raise ValueError("`messages`, `prompt` and the fields of `metadata` must be different")
        return self

    def apply(self, batch: RowBatch, stats: RowStats) -> RowBatch:
        """Return the rows with their messages; a row without a valid conversation is bad."""
        batch, rows = map_rows(batch, stats, self._row, "see `conversation`")
        return replace(batch, rows=rows)

    def _row(self, row: dict[str, Any]) -> dict[str, Any]:
        found = self._of_alpaca(row) if self.layout == "alpaca" else self._of_turns(row)
        if isinstance(found, Problem):
            raise UnusableError(found.message)
        if self.system is not None and found[0]["role"] != "system":
            found = [{"role": "system", "content": self.system}, *found]
        made: dict[str, Any] = {"messages": found}
        if self.prompt is not None:
            made[self.prompt] = next(m["content"] for m in found if m["role"] != "system")
        return made | {name: field_of(row, name) for name in self.metadata}

    def _of_alpaca(self, row: dict[str, Any]) -> list[dict[str, str]] | Problem:
        parts = {name: find(row, name) for name in self._entry.columns.values()}
        history = parts[self._fields["history"]]
        if history not in (MISSING, None) and not isinstance(history, list):
            # LLaMA-Factory ignores such a history.
            return Problem("message-invalid", "the history is not a list of pairs")
        found = {name: value for name, value in parts.items() if value is not MISSING}
        return messages_of(found, self._entry)

    def _of_turns(self, row: dict[str, Any]) -> list[dict[str, str]] | Problem:
        name = self._fields["messages"]
        turns = find(row, name)
        if not isinstance(turns, list):
            problem = "is absent" if turns is MISSING else f"is {kind_of(turns)}, must be a list"
            return Problem("messages-missing", f"the field '{name}' {problem}")
        messages = messages_of_turns(turns, self._keys, self._roles)
        if isinstance(messages, Problem):
            return messages
        system = find(row, self._fields["system"])
        if system is not MISSING and system:
            messages.insert(0, {"role": "system", "content": system})
        return problem_of(messages) or messages

    @cached_property
    def _fields(self) -> Mapping[str, str]:
        return {**_FIELDS[self.layout], **self.fields}

    @cached_property
    def _keys(self) -> Mapping[str, str]:
        return {name: self._fields[name] for name in ("role", "content")}

    @cached_property
    def _roles(self) -> Mapping[str, str]:
        return {**_ROLES[self.layout], **self.roles}

    @cached_property
    def _entry(self) -> DatasetEntry:
        """The entry that `dataset_info.json` would have for these rows."""
        columns = {column: self._fields[name] for column, name in _COLUMNS.items()}
        return DatasetEntry("row", {"formatting": "alpaca", "columns": columns})


STEP = Conversation
