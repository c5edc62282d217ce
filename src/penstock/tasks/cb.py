"""CommitmentBank (de Marneffe et al. 2019, in SuperGLUE): is the hypothesis entailed."""

from __future__ import annotations

from penstock.tasks import Integer, Label, LabelWordTask, Row, Text


class CB(LabelWordTask):
    """Asked in words, answered Yes, No or Maybe."""

    name = "cb"
    directory = "CB"
    prefix = "cb"
    fields = {
        "premise": Text(),
        "hypothesis": Text(),
        "idx": Integer(),
        "label": Label("entailment", "contradiction", "neutral"),
    }
    text_fields = ("premise", "hypothesis")
    dev_rows = 100
    label_words = ("Yes", "No", "Maybe")

    def prompt(self, row: Row) -> str:
        """The premise as a supposition, then the question."""
        return (
            f'Suppose {row["premise"]} Can we infer that "{row["hypothesis"]}"? '
            "Yes, No, or Maybe?\n"
        )


TASK = CB()
