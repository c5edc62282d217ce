"""CommitmentBank (de Marneffe et al. 2019, in SuperGLUE): is the hypothesis entailed?"""

from penstock.tasks import Integer, Label, LabelWordTask, Text


class CB(LabelWordTask):
    """Does the premise entail the hypothesis, Yes, No or Maybe?"""

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
    template = 'Suppose {premise} Can we infer that "{hypothesis}"? Yes, No, or Maybe?\n'


TASK = CB()
