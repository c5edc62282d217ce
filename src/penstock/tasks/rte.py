"""Recognising textual entailment (Dagan et al. 2006 and on, in SuperGLUE)."""

from __future__ import annotations

from penstock.tasks import Integer, Label, LabelWordTask, Row, Text


class RTE(LabelWordTask):
    """Asked in words, answered Yes or No."""

    name = "rte"
    directory = "RTE"
    prefix = "rte"
    fields = {
        "premise": Text(),
        "hypothesis": Text(),
        "idx": Integer(),
        "label": Label("entailment", "not_entailment"),
    }
    text_fields = ("premise", "hypothesis")
    label_words = ("Yes", "No")

    def prompt(self, row: Row) -> str:
        """The premise, then the question."""
        return f'{row["premise"]}\nDoes this mean that "{row["hypothesis"]}" is true? Yes or No?\n'


TASK = RTE()
