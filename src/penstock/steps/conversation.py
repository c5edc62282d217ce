"""The step `conversation`: rows that hold a conversation, in whatever layout, as `messages`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from penstock.batches import RowBatch, RowStats, TokenBatch
from penstock.errors import did_you_mean
from penstock.fields import MISSING, find, kind_of
from penstock.formats.chat import DatasetEntry, Problem, messages_of, messages_of_turns, problem_of
from penstock.steps._base import Stage, Step
from penstock.steps._fields import UnusableError, field_of, made_of_rows

Role = Literal["system", "user", "assistant", "tool", "function"]

#: What the parts of a row are called in each layout.
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
#: Which role the names in each layout stand for.
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
#: How the columns of `dataset_info.json` are called for the parts of an alpaca row.
_COLUMNS = {
    "prompt": "instruction",
    "query": "input",
    "response": "output",
    "system": "system",
    "history": "history",
}


class Conversation(Step):
    """Make `messages` of rows that hold a conversation: turns in a list, or alpaca's fields.

    The order of turns is the one that LLaMA-Factory (0.9.5) demands: a system prompt at most at the
    beginning, then user (or tool) and assistant (or function) by turns, the last an answer. A row
    that has another, or a turn without text, is a bad row.
    """

    takes = Stage.ROWS
    gives = Stage.ROWS

    layout: Literal["sharegpt", "openai", "alpaca"] = Field(
        "sharegpt",
        description="sharegpt: `conversations`, a list of turns with `from` (human, gpt) and "
        "`value`; openai: `messages`, of turns with `role` (user, assistant) and `content`; "
        "alpaca: `instruction`, `input`, `output`, `history`. All may have `system` beside.",
    )
    fields: dict[str, str] = Field(
        default_factory=dict,
        description="What parts of the layout are called here: {messages: dialogue, role: speaker} "
        "or {input: context}. `a.b` is the field b of the object a, but for keys of a turn.",
    )
    roles: dict[str, Role] = Field(
        default_factory=dict,
        description="Which role a name stands for, beside those of the layout: {customer: user}.",
    )
    system: str | None = Field(
        None,
        min_length=1,
        description="The system prompt of conversations that have none; null: none.",
    )
    prompt: str | None = Field(
        None,
        min_length=1,
        description="A field for what the user says first, by which `deduplicate` and `components` "
        "can compare; the step `keep` leaves it behind. null: no such field.",
    )
    metadata: list[str] = Field(
        default_factory=list, description="Fields that the rows keep beside `messages`."
    )

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        known = _FIELDS[self.layout]
        for name in self.fields:
            if name not in known:
                hint = did_you_mean(name, known) or f"; it has {', '.join(known)}"
                raise ValueError(f"fields: the layout {self.layout} has no '{name}'{hint}")
        if self.roles and self.layout not in _ROLES:
            raise ValueError(f"roles: the layout {self.layout} has none; remove them")
        taken = ["messages", *([self.prompt] if self.prompt else []), *self.metadata]
        if len(set(taken)) < len(taken):
            raise ValueError("`messages`, `prompt` and what `metadata` lists must be different")
        return self

    def apply(self, batch: RowBatch | TokenBatch, stats: RowStats) -> RowBatch:
        """Return the rows with their messages; what is no conversation is a bad row."""
        assert isinstance(batch, RowBatch)
        batch, rows = made_of_rows(batch, stats, self._row, "see `conversation`")
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
            # LLaMA-Factory passes over it.
            return Problem("message-invalid", "the history is no list of pairs")
        there = {name: value for name, value in parts.items() if value is not MISSING}
        return messages_of(there, self._entry)

    def _of_turns(self, row: dict[str, Any]) -> list[dict[str, str]] | Problem:
        name = self._fields["messages"]
        turns = find(row, name)
        if not isinstance(turns, list):
            said = "is absent" if turns is MISSING else f"is {kind_of(turns)}, must be a list"
            return Problem("messages-missing", f"the field '{name}' {said}")
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
        """How alpaca's rows lie, as `dataset_info.json` would say it."""
        columns = {column: self._fields[name] for column, name in _COLUMNS.items()}
        return DatasetEntry("row", {"formatting": "alpaca", "columns": columns})


STEP = Conversation
