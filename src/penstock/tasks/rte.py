"""Recognizing textual entailment (Dagan et al. 2006, in SuperGLUE)."""

from penstock.tasks import Integer, Label, LabelWordTask, Text


class RTE(LabelWordTask):
    """Does the premise entail the hypothesis, Yes or No?"""

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
    template = '{premise}\nDoes this mean that "{hypothesis}" is true? Yes or No?\n'


TASK = RTE()
