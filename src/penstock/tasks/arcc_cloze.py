"""ARC-Challenge, cloze: the options are the texts of the choices."""

from penstock.tasks import Row
from penstock.tasks._arc import Arc


class ArcCloze(Arc):
    """The prompt does not list the choices."""

    name = "arcc_cloze"
    directory = "ArcC_Cloze"
    template = "Question: {question}\nAnswer:"

    def options(self, row: Row) -> list[str]:
        return [f" {text}" for text in row["choices"]["text"]]


TASK = ArcCloze()
