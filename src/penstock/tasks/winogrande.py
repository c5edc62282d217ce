"""WinoGrande (Sakaguchi et al. 2020): which of two nouns fills the gap of the sentence."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.tasks import Choice, Row, Task, Text


class WinoGrande(Task):
    """The whole sentence is scored with each noun in its gap."""

    name = "winogrande"
    directory = "WinoGrande"
    prefix = "winogrande"
    fields = {
        "sentence": Text(),
        "option1": Text(),
        "option2": Text(),
        "answer": Choice("1", "2", ""),
    }
    text_fields = ("sentence",)
    id_field = None
    label_field = "answer"

    def problem(self, row: Row) -> tuple[str, str, str] | None:
        """The sentence must have exactly one gap."""
        gaps = row["sentence"].count("_")
        return (
            None if gaps == 1 else ("sentence", "field-value", f"has {gaps} gaps (_), must have 1")
        )

    def labelled(self, row: Row) -> bool:
        """Test rows have an empty answer."""
        return bool(row["answer"])

    def prompt(self, row: Row) -> str:
        """Nothing stands before the sentence."""
        return ""

    def options(self, row: Row) -> Sequence[str]:
        """The sentence with each noun in its gap."""
        return [row["sentence"].replace("_", row[option]) for option in ("option1", "option2")]

    def correct(self, row: Row) -> tuple[int, ...]:
        """The answer counts from 1."""
        return (int(row["answer"]) - 1,)


TASK = WinoGrande()
