"""COPA (Roemmele et al. 2011, in SuperGLUE): which sentence is the cause or the effect."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.tasks import Choice, Integer, Label, Row, Task, Text


class Copa(Task):
    """The premise, "because" or "so", and the choice as the rest of the sentence."""

    name = "copa"
    directory = "Copa"
    prefix = "copa"
    fields = {
        "premise": Text(),
        "choice1": Text(),
        "choice2": Text(),
        "question": Choice("cause", "effect"),
        "idx": Integer(),
        "label": Label("choice1", "choice2"),
    }
    text_fields = ("premise", "choice1", "choice2")
    dev_rows = 100
    classification = False

    def prompt(self, row: Row) -> str:
        """`The lamp was lit because`."""
        conjunction = "because" if row["question"] == "cause" else "so"
        return f"{row['premise'].rstrip().removesuffix('.')} {conjunction}"

    def options(self, row: Row) -> Sequence[str]:
        """The choices, as the second half of one sentence."""
        return [f" {_continued(row['choice1'])}", f" {_continued(row['choice2'])}"]

    def correct(self, row: Row) -> tuple[int, ...]:
        """The label is the index."""
        return (row["label"],)


def _continued(sentence: str) -> str:
    first, space, rest = sentence.partition(" ")
    return sentence if first == "I" else f"{first.lower()}{space}{rest}"


TASK = Copa()
