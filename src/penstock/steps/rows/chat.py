"""The step `chat`: rows become conversations by templates, pairs in one or both directions."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from itertools import chain
from typing import Any, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from penstock.batches import RowBatch, RowStats
from penstock.fields import MISSING, find
from penstock.steps._base import Capabilities, RowStep
from penstock.steps._fields import (
    SIDES,
    UnusableError,
    field_of,
    map_rows,
    problem_with,
    value_as_text,
)
from penstock.templates import Parsed, Template, parse_template

_ROLES = ("system", "user", "assistant")
_OTHER_SIDE = dict(zip(SIDES, SIDES[::-1], strict=True))


class Chat(RowStep):
    """Make a chat row of each row: `messages` of system, user and assistant, from templates.

    With `directions: both` a pair becomes two chat rows, the second with `source` and `target`
    exchanged. Steps on the whole dataset (`deduplicate`, `components`, `take`, ...) handle them as
    one unit, so that both are in the same split; `shuffle` and `mix` handle each row by itself.

    White space around a turn is removed. A turn without text is a bad row.
    """

    capabilities = Capabilities(stores=True)

    system: Template | None = Field(
        None, min_length=1, description="The system prompt; {field} is a value; null: none."
    )
    user: Template = Field(min_length=1, description="The user's turn: Paraphrase this: {source}.")
    assistant: Template = Field(min_length=1, description="The answer: {target}.")
    directions: Literal["one", "both"] = Field(
        "one", description="both: a second row with `source` and `target` exchanged."
    )
    empty: Literal["error", "allow"] = Field(
        "error",
        description="If a field of a turn is null or without text. error: the row is bad; allow: "
        "insert nothing.",
    )
    metadata: list[str] = Field(
        default_factory=list, description="Fields to keep beside `messages`."
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if "messages" in self.metadata:
            raise ValueError("metadata cannot contain 'messages', the name of the turns")
        if not any(name for role in ("user", "assistant") for _, name in self._templates[role]):
            raise ValueError("the turns have no field; write {field} where its value goes")
        if self.directions == "both":
            named = {name for parts in self._templates.values() for _, name in parts}
            if missing := [side for side in SIDES if side not in named]:
                raise ValueError(
                    f"`directions: both` needs {{{missing[0]}}} in a turn; use {{source}} and "
                    "{target}, or `directions: one`"
                )
        prompt = {name for role in ("system", "user") for name in self._fields_of(role)}
        answer = self._fields_of("assistant")
        if answer and answer <= prompt:
            raise ValueError(
                f"the prompt contains the answer ({{{min(answer)}}}), so the model would only "
                "learn to copy; remove it from `user` and `system`"
            )
        return self

    def apply(self, batch: RowBatch, stats: RowStats) -> RowBatch:
        """Return documents of one chat row for each direction."""
        batch, documents = map_rows(batch, stats, self._document, "see `chat`")
        counts = np.fromiter(map(len, documents), np.int64, len(documents))
        return replace(batch, rows=list(chain.from_iterable(documents)), rows_per_document=counts)

    @cached_property
    def _templates(self) -> dict[str, Parsed]:
        return {
            role: parse_template(template)
            for role in _ROLES
            if (template := getattr(self, role)) is not None
        }

    def _fields_of(self, role: str) -> set[str]:
        return {name for _, name in self._templates.get(role, ()) if name is not None}

    def _document(self, row: dict[str, Any]) -> list[dict[str, Any]]:
        if self.directions == "one":
            return [self._chat(row)]
        reversed_row = {_OTHER_SIDE.get(name, name): value for name, value in row.items()}
        return [self._chat(row), self._chat(reversed_row)]

    def _chat(self, row: dict[str, Any]) -> dict[str, Any]:
        messages = [{"role": role, "content": self._filled(role, row)} for role in self._templates]
        return {"messages": messages, **{name: field_of(row, name) for name in self.metadata}}

    def _filled(self, role: str, row: dict[str, Any]) -> str:
        text = ""
        for literal, name in self._templates[role]:
            text += literal
            if name is not None:
                value = row.get(name)  # the common case: a top-level text field
                text += value if type(value) is str and value.strip() else self._value(row, name)
        filled = text.strip()
        if not filled:
            raise UnusableError(f"the turn of {role} has no text")
        return filled

    def _value(self, row: dict[str, Any], name: str) -> str:
        """Return a field as text; raises UnusableError if it must have text and has none."""
        value = value_as_text(row, name, "chat") or ""
        if value.strip():
            return value
        found = find(row, name)
        if found is not MISSING and self.empty == "allow":
            return ""
        problem = problem_with(found, name) or f"the field '{name}' has no text"
        hint = "" if found is MISSING else "; `empty: allow` accepts such fields"
        raise UnusableError(f"{problem}{hint}")


STEP = Chat
