"""Word in context (Pilehvar and Camacho-Collados 2019, in SuperGLUE): one sense or two."""

from __future__ import annotations

from penstock.tasks import Integer, Label, LabelWordTask, Row, Text


class WiC(LabelWordTask):
    """Has the word the same meaning in both sentences, Yes or No."""

    name = "wic"
    directory = "WIC"
    prefix = "wic"
    fields = {
        "word": Text(),
        "sentence1": Text(),
        "sentence2": Text(),
        "start1": Integer(),
        "start2": Integer(),
        "end1": Integer(),
        "end2": Integer(),
        "idx": Integer(),
        "label": Label("no", "yes"),
    }
    text_fields = ("sentence1", "sentence2", "word")
    label_words = ("No", "Yes")

    def prompt(self, row: Row) -> str:
        """The question, then both sentences."""
        return (
            f'Does the word "{row["word"]}" have the same meaning in these two sentences? '
            f"Yes, No?\n{row['sentence1']}\n{row['sentence2']}\n"
        )


TASK = WiC()
