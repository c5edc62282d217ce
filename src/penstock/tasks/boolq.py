"""BoolQ (Clark et al. 2019, in SuperGLUE): a yes/no question about a passage."""

from __future__ import annotations

from penstock.tasks import Boolean, LabelWordTask, Row, Text


class BoolQ(LabelWordTask):
    """The passage, the question as a sentence, and Yes or No."""

    name = "boolq"
    directory = "BOOLQ"
    prefix = "boolq"
    fields = {"question": Text(), "answer": Boolean(), "passage": Text()}
    text_fields = ("passage", "question")
    id_field = None
    label_field = "answer"
    label_words = ("Yes", "No")
    separator = " "

    def prompt(self, row: Row) -> str:
        """The question gets its capital and its question mark."""
        question = row["question"]
        return f"{row['passage']} {question[0].upper()}{question[1:].removesuffix('?')}?"

    def labelled(self, row: Row) -> bool:
        """Every row is."""
        return True

    def correct(self, row: Row) -> tuple[int, ...]:
        """Yes stands first."""
        return (0 if row["answer"] else 1,)


TASK = BoolQ()
