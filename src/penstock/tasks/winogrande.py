"""WinoGrande (Sakaguchi et al. 2020): which of two nouns fills the gap of the sentence."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.tasks import Choice, Row, Task, Text


class WinoGrande(Task):
    """Each noun and the rest of the sentence are scored after the sentence's beginning."""

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
        """The sentence up to its gap."""
        return str(row["sentence"].partition("_")[0]).rstrip()

    def options(self, row: Row) -> Sequence[str]:
        """Each noun with the rest of the sentence."""
        beginning, _, rest = row["sentence"].partition("_")
        space = " " if beginning[-1:].isspace() else ""
        return [f"{space}{row['option1']}{rest}", f"{space}{row['option2']}{rest}"]

    def correct(self, row: Row) -> tuple[int, ...]:
        """The answer counts from 1."""
        return (int(row["answer"]) - 1,)


TASK = WinoGrande()
