"""MultiRC (Khashabi et al. 2018, in SuperGLUE): is this a right answer about the paragraph."""

from __future__ import annotations

from penstock.tasks import Integer, Label, LabelWordTask, Record, Row, Text


class MultiRC(LabelWordTask):
    """One row an answer; Yes or No."""

    name = "multirc"
    directory = "MultiRC"
    prefix = "multirc"
    fields = {
        "paragraph": Text(),
        "question": Text(),
        "answer": Text(),
        "idx": Record({"paragraph": Integer(), "question": Integer(), "answer": Integer()}),
        "label": Label("no", "yes"),
    }
    text_fields = ("paragraph", "question", "answer")
    label_words = ("No", "Yes")

    def prompt(self, row: Row) -> str:
        """The paragraph, the question, and the answer that was found."""
        return (
            f"{row['paragraph']}\nQuestion: {row['question']}\n"
            f'I found this answer "{row["answer"]}". Is that correct? Yes or No?\n'
        )


TASK = MultiRC()
