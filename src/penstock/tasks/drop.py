"""DROP (Dua et al. 2019): reading comprehension that counts, adds and compares."""

from penstock.tasks import GenerationTask, ListOf, Record, Row, Text


class DROP(GenerationTask):
    """Passage and question; the answer is generated."""

    name = "drop"
    directory = "DROP"
    prefix = "drop"
    fields = {
        "section_id": Text(),
        "query_id": Text(),
        "passage": Text(),
        "question": Text(),
        "answers_spans": Record({"spans": ListOf(Text()), "types": ListOf(Text())}),
    }
    text_fields = ("question", "passage")
    id_field = "query_id"
    label_field = "answers_spans"

    def prompt(self, row: Row) -> str:
        return f"Passage: {row['passage']}\nQuestion: {row['question'].strip()}\nAnswer:"

    def references(self, row: Row) -> list[str]:
        return list(row["answers_spans"]["spans"])


TASK = DROP()
