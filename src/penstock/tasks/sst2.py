"""SST-2 (Socher et al. 2013, in GLUE): is a sentence of a film review positive?"""

from penstock.tasks import Integer, Label, LabelWordTask, Row, Text


class SST2(LabelWordTask):
    """The sentence, `It was`, and terrible or great."""

    name = "sst2"
    directory = "SST2"
    prefix = "sst2"
    fields = {"sentence": Text(), "label": Label("negative", "positive"), "idx": Integer()}
    text_fields = ("sentence",)
    label_words = ("terrible", "great")
    separator = " "

    def prompt(self, row: Row) -> str:
        return f"{row['sentence'].strip()} It was"


TASK = SST2()
