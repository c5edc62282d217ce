"""The rows of ARC-Challenge (Clark et al. 2018), shared by two tasks."""

from penstock.tasks._base import Row, Task
from penstock.tasks._fields import ListOf, Record, Text


class Arc(Task):
    """Published rows have three to five choices, labelled A to E or 1 to 4."""

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
        labels, texts = row["choices"]["label"], row["choices"]["text"]
        if len(labels) != len(texts):
            return "choices", "field-value", f"has {len(texts)} texts and {len(labels)} labels"
        if len(set(labels)) != len(labels):
            return "choices", "field-value", f"has a label twice: {', '.join(labels)}"
        if row["answerKey"] not in labels:
            key = row["answerKey"][:40]
            return "answerKey", "label-range", f"is '{key}', must be one of {', '.join(labels)}"
        return None

    def correct(self, row: Row) -> tuple[int, ...]:
        return (row["choices"]["label"].index(row["answerKey"]),)
