"""ReCoRD (Zhang et al. 2018, in SuperGLUE): which entity of the passage fills the gap."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.tasks import Integer, ListOf, Record, Row, Task, Text
from penstock.tasks._metrics import f1


class ReCoRD(Task):
    """Each entity is put into the query, and the whole query is scored."""

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
    label_field = "answers"
    metric = "f1"
    classification = False

    def problem(self, row: Row) -> tuple[str, str, str] | None:
        """The query must have its gap, and an answer must be among the entities."""
        if "@placeholder" not in row["query"]:
            return "query", "field-value", "has no @placeholder"
        if row["answers"] and not set(row["answers"]) & set(row["entities"]):
            return "answers", "label-range", "has no answer that is among the entities"
        return None

    def labelled(self, row: Row) -> bool:
        """Test rows come without answers."""
        return bool(row["answers"])

    def prompt(self, row: Row) -> str:
        """The passage with its highlights as a list, one more point begun."""
        passage = row["passage"].replace("@highlight\n", "- ")
        return f"{passage}\n-"

    def options(self, row: Row) -> Sequence[str]:
        """The query with each entity in its gap."""
        return [f" {row['query'].replace('@placeholder', entity)}" for entity in row["entities"]]

    def correct(self, row: Row) -> tuple[int, ...]:
        """Every entity that is an accepted answer."""
        answers = set(row["answers"])
        return tuple(i for i, entity in enumerate(row["entities"]) if entity in answers)

    def scores(self, row: Row, prediction: int) -> dict[str, float]:
        """F1 of the entity's words against the best answer, and accuracy."""
        entity = row["entities"][prediction]
        return {
            "f1": max(f1(entity, answer) for answer in row["answers"]),
            **super().scores(row, prediction),
        }


TASK = ReCoRD()
