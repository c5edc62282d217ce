"""What the two ways to ask ARC-Challenge share (Clark et al. 2018)."""

from __future__ import annotations

from penstock.tasks._base import Row, Task
from penstock.tasks._schema import ListOf, Record, Text


class Arc(Task):
    """Rows as published: labels are A to E or 1 to 4, with three to five choices."""

    prefix = "ARC-Challenge"
    fields = {
        "id": Text(),
        "question": Text(),
        "choices": Record(
            {"text": ListOf(Text(), at_least=2), "label": ListOf(Text(), at_least=2)}
        ),
        "answerKey": Text(),
    }
    text_fields = ("question",)
    id_field = "id"
    label_field = "answerKey"

    def problem(self, row: Row) -> tuple[str, str, str] | None:
        """The key must be one of the labels, and each choice must have one label of its own."""
        labels = row["choices"]["label"]
        if len(labels) != len(row["choices"]["text"]):
            texts = len(row["choices"]["text"])
            return "choices", "field-value", f"has {texts} texts and {len(labels)} labels"
        if len(set(labels)) != len(labels):
            return "choices", "field-value", f"has a label twice: {', '.join(labels)}"
        if row["answerKey"] not in labels:
            key = row["answerKey"][:40]
            return "answerKey", "label-range", f"is '{key}', must be one of {', '.join(labels)}"
        return None

    def labelled(self, row: Row) -> bool:
        """Every row is."""
        return True

    def correct(self, row: Row) -> tuple[int, ...]:
        """The place of the key among the labels."""
        return (row["choices"]["label"].index(row["answerKey"]),)
