"""BoolQ (Clark et al. 2019, in SuperGLUE): a yes/no question about a passage."""

from penstock.tasks import Boolean, LabelWordTask, Row, Text


class BoolQ(LabelWordTask):
    """The passage, the question with a capital and a question mark, and Yes or No."""

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
        question = row["question"]
        return f"{row['passage']} {question[0].upper()}{question[1:].removesuffix('?')}?"

    def correct(self, row: Row) -> tuple[int, ...]:
        return (0 if row["answer"] else 1,)


TASK = BoolQ()
