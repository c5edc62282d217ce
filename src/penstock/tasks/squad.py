"""SQuAD (Rajpurkar et al. 2016): answer the question with a span of the passage."""

from penstock.tasks import GenerationTask, Integer, ListOf, Record, Row, Text


class SQuAD(GenerationTask):
    """Title, context and question; the answer is generated."""

    name = "squad"
    directory = "SQuAD"
    prefix = "squad"
    fields = {
        "id": Text(),
        "title": Text(),
        "context": Text(),
        "question": Text(),
        "answers": Record({"text": ListOf(Text()), "answer_start": ListOf(Integer())}),
    }
    text_fields = ("question", "context")
    id_field = "id"
    label_field = "answers"

    def prompt(self, row: Row) -> str:
        return (
            f"Title: {row['title']}\nContext: {row['context']}\n"
            f"Question: {row['question'].strip()}\nAnswer:"
        )

    def references(self, row: Row) -> list[str]:
        return list(row["answers"]["text"])


TASK = SQuAD()
