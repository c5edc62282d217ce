"""Winograd schema challenge (Levesque et al. 2012, `wsc.fixed` in SuperGLUE)."""

from penstock.tasks import Integer, Label, LabelWordTask, Row, Text


class WSC(LabelWordTask):
    """Does the pronoun refer to the noun, Yes or No?"""

    name = "wsc"
    directory = "WSC"
    prefix = "wsc"
    fields = {
        "text": Text(),
        "span1_index": Integer(),
        "span2_index": Integer(),
        "span1_text": Text(),
        "span2_text": Text(),
        "idx": Integer(),
        "label": Label("no", "yes"),
    }
    text_fields = ("text",)
    label_words = ("No", "Yes")

    def prompt(self, row: Row) -> str:
        return (
            f"{row['text']}\nIn the previous sentence, does the pronoun "
            f'"{row["span2_text"].lower()}" refer to {row["span1_text"]}? Yes or No?\n'
        )


TASK = WSC()
