"""ARC-Challenge, multiple choice: the options are the labels of the choices."""

from penstock.tasks import Row
from penstock.tasks._arc import Arc


class ArcMultipleChoice(Arc):
    """The prompt lists the choices with their labels."""

    name = "arcc_mc"
    directory = "ArcC_MC"

    def prompt(self, row: Row) -> str:
        pairs = zip(row["choices"]["label"], row["choices"]["text"], strict=True)
        listed = "\n".join(f"{label}. {text}" for label, text in pairs)
        return f"Question: {row['question']}\n{listed}\nAnswer:"

    def options(self, row: Row) -> list[str]:
        return [f" {label}" for label in row["choices"]["label"]]


TASK = ArcMultipleChoice()
