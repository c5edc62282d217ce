"""ARC-Challenge, multiple choice: the choices are listed and their labels compete."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.tasks import Row
from penstock.tasks._arc import Arc


class ArcMultipleChoice(Arc):
    """The model answers with the label of a listed choice."""

    name = "arcc_mc"
    directory = "ArcC_MC"

    def prompt(self, row: Row) -> str:
        """The question, each choice on a line of its own, `Answer:`."""
        pairs = zip(row["choices"]["label"], row["choices"]["text"], strict=True)
        listed = "\n".join(f"{label}. {text}" for label, text in pairs)
        return f"Question: {row['question']}\n{listed}\nAnswer:"

    def options(self, row: Row) -> Sequence[str]:
        """The labels as the row has them, A to E or 1 to 4."""
        return [f" {label}" for label in row["choices"]["label"]]


TASK = ArcMultipleChoice()
