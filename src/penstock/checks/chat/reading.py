"""What LLaMA-Factory makes of a row: the turns that it trains on, or why there are none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from penstock.fields import kind_of
from penstock.formats.chat import DatasetEntry, Problem, messages_of


class RowReader:
    """Reads rows as one entry says: for supervised training, for preferences, or with KTO labels.

    A row of preferences has two answers, both after the same turns; the turns are those with the
    chosen one.
    """

    def __init__(self, entry: DatasetEntry) -> None:
        self.entry = entry
        self._ranking = bool(entry.settings.get("ranking"))
        self._kto_tag = entry.columns.get("kto_tag")

    def messages(self, row: Mapping[str, Any]) -> list[dict[str, str]] | Problem:
        """Return the turns of a row, the last of them an answer, or what is wrong with it."""
        if self._ranking:
            rejected = self._with_answer(row, "rejected")
            return rejected if isinstance(rejected, Problem) else self._with_answer(row, "chosen")
        if self._kto_tag is not None and not isinstance(row.get(self._kto_tag), bool):
            said = f"`{self._kto_tag}` is {kind_of(row.get(self._kto_tag))}, must be true or false"
            return Problem("label-missing", said)
        return messages_of(row, self.entry)

    def _with_answer(self, row: Mapping[str, Any], column: str) -> list[dict[str, str]] | Problem:
        """Return the turns of a row that end with one of its two answers."""
        columns = self.entry.columns
        answer = row.get(columns[column])
        if self.entry.formatting == "alpaca":
            settings = {**self.entry.settings, "columns": {**columns, "response": columns[column]}}
            return messages_of(row, DatasetEntry(self.entry.name, settings))
        turns = row.get(columns["messages"])
        if isinstance(turns, list):
            row = {**row, columns["messages"]: [*turns, answer]}
        return messages_of(row, self.entry)
