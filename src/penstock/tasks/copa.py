"""COPA (Roemmele et al. 2011, in SuperGLUE): which sentence is the cause or the effect?"""

from penstock.tasks import Choice, Integer, Label, Row, Task, Text


class Copa(Task):
    """The premise with "because" or "so", continued by each choice as the rest of the sentence."""

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
        conjunction = "because" if row["question"] == "cause" else "so"
        return f"{row['premise'].rstrip().removesuffix('.')} {conjunction}"

    def options(self, row: Row) -> list[str]:
        return [f" {_as_continuation(row[choice])}" for choice in ("choice1", "choice2")]


def _as_continuation(sentence: str) -> str:
    first, space, rest = sentence.partition(" ")
    return sentence if first == "I" else f"{first.lower()}{space}{rest}"


TASK = Copa()
