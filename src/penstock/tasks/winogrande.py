"""WinoGrande (Sakaguchi et al. 2020): which of two nouns fills the gap?"""

from penstock.tasks import Choice, Row, Task, Text


class WinoGrande(Task):
    """The sentence is scored with each noun in its gap."""

    name = "winogrande"
    directory = "WinoGrande"
    prefix = "winogrande"
    fields = {
        "sentence": Text(),
        "option1": Text(),
        "option2": Text(),
        "answer": Choice("1", "2", ""),
    }
    text_fields = ("sentence",)
    id_field = None
    label_field = "answer"  # empty in test rows
    template = ""

    def problem(self, row: Row) -> tuple[str, str, str] | None:
        gaps = row["sentence"].count("_")
        if gaps != 1:
            return "sentence", "field-value", f"has {gaps} gaps (_), must have 1"
        return None

    def labelled(self, row: Row) -> bool:
        return bool(row["answer"])

    def options(self, row: Row) -> list[str]:
        return [row["sentence"].replace("_", row[option]) for option in ("option1", "option2")]

    def correct(self, row: Row) -> tuple[int, ...]:
        return (int(row["answer"]) - 1,)


TASK = WinoGrande()
