"""ReCoRD (Zhang et al. 2018, in SuperGLUE): which entity of the passage fills the gap?"""

from penstock.tasks import Integer, ListOf, Record, Row, Task, Text, f1


class ReCoRD(Task):
    """The query is scored with each entity in its gap."""

    name = "record"
    directory = "ReCoRD"
    prefix = "record"
    fields = {
        "passage": Text(),
        "query": Text(),
        "entities": ListOf(Text(), at_least=1),
        "answers": ListOf(Text()),
        "idx": Record({"passage": Integer(), "query": Integer()}),
    }
    text_fields = ("passage", "query")
    label_field = "answers"  # empty in test rows
    metric = "f1"
    classification = False

    def problem(self, row: Row) -> tuple[str, str, str] | None:
        if "@placeholder" not in row["query"]:
            return "query", "field-value", "has no @placeholder"
        if row["answers"] and not set(row["answers"]) & set(row["entities"]):
            return "answers", "label-range", "has no answer that is among the entities"
        return None

    def labelled(self, row: Row) -> bool:
        return bool(row["answers"])

    def prompt(self, row: Row) -> str:
        """Return the passage with its highlights as list items, and the start of another item."""
        passage = row["passage"].replace("@highlight\n", "- ")
        return f"{passage}\n-"

    def options(self, row: Row) -> list[str]:
        return [f" {row['query'].replace('@placeholder', entity)}" for entity in row["entities"]]

    def correct(self, row: Row) -> tuple[int, ...]:
        answers = set(row["answers"])
        return tuple(i for i, entity in enumerate(row["entities"]) if entity in answers)

    def scores(self, row: Row, prediction: int) -> dict[str, float]:
        entity = row["entities"][prediction]
        return {
            "f1": max(f1(entity, answer) for answer in row["answers"]),
            **super().scores(row, prediction),
        }


TASK = ReCoRD()
