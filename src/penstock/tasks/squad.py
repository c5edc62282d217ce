"""SQuAD (Rajpurkar et al. 2016): write the span of the passage that answers the question."""

from __future__ import annotations

from collections.abc import Sequence

from penstock.tasks import GenerationTask, Integer, ListOf, Record, Row, Text


class SQuAD(GenerationTask):
    """Title, context and question; the answer is written."""

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
        """`Title: ... Context: ... Question: ... Answer:`."""
        return (
            f"Title: {row['title']}\nContext: {row['context']}\n"
            f"Question: {row['question'].strip()}\nAnswer:"
        )

    def references(self, row: Row) -> Sequence[str]:
        """The spans that annotators chose."""
        answers: Sequence[str] = row["answers"]["text"]
        return answers


TASK = SQuAD()
