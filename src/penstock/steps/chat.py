"""The step `chat`: a row becomes chat rows, a pair of sentences one in each direction."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from penstock.batches import RowBatch, RowStats, TokenBatch
from penstock.fields import MISSING, find
from penstock.steps._base import Arranging, Stage, Step
from penstock.steps._fields import UnusableError, field_of, made_of_rows, problem_with
from penstock.steps._json_rows import as_bytes
from penstock.steps._order import Order
from penstock.steps._template import Parsed, Template, parse_template, value_as_text
from penstock.steps.pairs import SIDES

_ROLES = ("system", "user", "assistant")
_OTHER_SIDE = dict(zip(SIDES, SIDES[::-1], strict=True))


class Chat(Step):
    """Make chat rows of each row: `messages` of system, user and assistant, from templates.

    With both directions a pair becomes two rows, the second with `source` and `target` changed for
    each other. The steps that see the whole dataset at once (`deduplicate`, `components`, `take`,
    ...) take them for one, so that they stay in one split; `shuffle` and `mix` part them.

    White space at the ends of a turn is taken off. A turn without text is a bad row.
    """

    takes = Stage.ROWS
    gives = Stage.ORDER

    system: Template | None = Field(
        None, min_length=1, description="The system prompt; {field} stands for a value; null: none."
    )
    user: Template = Field(min_length=1, description="The user's turn: Paraphrase this: {source}.")
    assistant: Template = Field(min_length=1, description="The answer: {target}.")
    directions: Literal["one", "both"] = Field(
        "one",
        description="both: a second row with the fields `source` and `target` changed for each "
        "other.",
    )
    empty: Literal["error", "allow"] = Field(
        "error",
        description="What to do where a field of a turn is null or has no text. error: the row is "
        "bad; allow: nothing stands in its place.",
    )
    metadata: list[str] = Field(
        default_factory=list, description="Fields that the rows keep beside `messages`."
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if "messages" in self.metadata:
            raise ValueError("metadata cannot be named 'messages': that is the turns themselves")
        if not any(name for role in ("user", "assistant") for _, name in self._templates[role]):
            raise ValueError("the turns have no field; write {field} where its value goes")
        if self.directions == "both":
            named = {name for parts in self._templates.values() for _, name in parts}
            if missing := [side for side in SIDES if side not in named]:
                raise ValueError(
                    f"both directions, and no turn has {{{missing[0]}}}; use {{source}} and "
                    "{target}, or `directions: one`"
                )
        prompt = {name for role in ("system", "user") for name in self._fields_of(role)}
        answer = self._fields_of("assistant")
        if answer and answer <= prompt:
            raise ValueError(
                f"the prompt has all of the answer ({{{min(answer)}}}): there would be nothing to "
                "learn but to repeat it; take it out of `user` and `system`"
            )
        return self

    def _fields_of(self, role: str) -> set[str]:
        return {name for _, name in self._templates.get(role, ()) if name is not None}

    def apply(self, batch: RowBatch | TokenBatch, stats: RowStats) -> TokenBatch:
        """Return the rows as they will lie, each document with those of all directions."""
        assert isinstance(batch, RowBatch)
        batch, documents = made_of_rows(batch, stats, self._document, "see `chat`")
        return as_bytes(batch, stats, documents)

    def arrange(self, order: Order, arranging: Arranging) -> Order:
        """Return the order in which each row is a unit by itself."""
        counts = np.diff(order.first)
        arranging.counts["chat.rows"] += len(order.lengths)
        return replace(
            order,
            first=np.arange(len(order.lengths) + 1),
            columns={name: np.repeat(column, counts) for name, column in order.columns.items()},
        )

    @cached_property
    def _templates(self) -> dict[str, Parsed]:
        return {
            role: parse_template(template)
            for role in _ROLES
            if (template := getattr(self, role)) is not None
        }

    def _document(self, row: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the chat rows of a row, one a direction; raises UnusableError."""
        if self.directions == "one":
            return [self._chat(row)]
        turned = {_OTHER_SIDE.get(name, name): value for name, value in row.items()}
        return [self._chat(row), self._chat(turned)]

    def _chat(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return the chat row of a row; raises UnusableError."""
        messages = [{"role": role, "content": self._filled(role, row)} for role in self._templates]
        return {"messages": messages, **{name: field_of(row, name) for name in self.metadata}}

    def _filled(self, role: str, row: dict[str, Any]) -> str:
        text = ""
        for literal, name in self._templates[role]:
            text += literal
            if name is not None:
                value = row.get(name)  # a field of the row itself and text, as a rule
                text += value if type(value) is str and value.strip() else self._value(row, name)
        filled = text.strip()
        if not filled:
            raise UnusableError(f"the turn of {role} has no text")
        return filled

    def _value(self, row: dict[str, Any], name: str) -> str:
        """Return a field as text; raises UnusableError where it has none and needs some."""
        value = value_as_text(row, name, "chat") or ""
        if value.strip():
            return value
        found = find(row, name)
        if found is not MISSING and self.empty == "allow":
            return ""
        problem = problem_with(found, name) or f"the field '{name}' has no text"
        mend = "" if found is MISSING else "; `empty: allow` takes such fields"
        raise UnusableError(f"{problem}{mend}")


STEP = Chat
