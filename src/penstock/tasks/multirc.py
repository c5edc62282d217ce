"""MultiRC (Khashabi et al. 2018, in SuperGLUE): is the answer to the question correct?"""

from penstock.tasks import Integer, Label, LabelWordTask, Record, Text


class MultiRC(LabelWordTask):
    """One row per answer: is it correct, Yes or No?"""

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
    template = (
        "{paragraph}\nQuestion: {question}\n"
        'I found this answer "{answer}". Is that correct? Yes or No?\n'
    )


TASK = MultiRC()
