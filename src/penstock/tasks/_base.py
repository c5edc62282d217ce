"""What a task is: its rows, its files, its prompt, its candidates, its metric.

The prompts and the row conventions follow the public MeZO code (princeton-nlp/MeZO,
`large_models/tasks.py` and `templates.py`), whose prompts come from GPT-3 and PromptSource.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from penstock.tasks import _metrics
from penstock.tasks._schema import Kind

Row = Mapping[str, Any]


class TaskBase(ABC):
    """What every task has, whatever its rows are: names, a metric, and defaults of its own."""

    #: The registered name, the same as the module's.
    name: ClassVar[str]
    #: How directories of results call it, such as `Copa`.
    directory: ClassVar[str]
    #: The name of the score that results report.
    metric: ClassVar[str] = "accuracy"
    #: How many rows at the end of the train file are for choosing checkpoints and rates; None
    #: where rows of their own are.
    dev_rows: ClassVar[int | None] = None
    #: Train by cross-entropy over the candidates' scores; None where there are no candidates.
    classification: ClassVar[bool | None] = None
    #: What its runs take for hyperparameters that are not given, in the place of the common value.
    defaults: ClassVar[Mapping[str, Any]] = {}


class Task(TaskBase):
    """A benchmark task whose rows are answered by choosing among candidates.

    A row becomes `prompt(row)` followed by each of `options(row)`; the option with the highest
    mean log-probability of its tokens is the answer. `directory` is the one that loaders look in.
    """

    #: Files are `{prefix}_{split}.jsonl`.
    prefix: ClassVar[str]
    #: Every field of a row.
    fields: ClassVar[Mapping[str, Kind]]
    #: The fields that hold text; synthetic data rephrases the first.
    text_fields: ClassVar[tuple[str, ...]]
    #: The field that tells rows apart, where there is one.
    id_field: ClassVar[str | None] = "idx"
    #: The field that holds the answer.
    label_field: ClassVar[str] = "label"
    dev_rows: ClassVar[int] = 500
    #: Train by cross-entropy over the candidates' scores; otherwise on the right option's tokens.
    classification: ClassVar[bool] = True

    def file_name(self, split: str) -> str:
        """Return the name of the file that holds a split."""
        return f"{self.prefix}_{split}.jsonl"

    def problem(self, row: Row) -> tuple[str, str, str] | None:
        """Return field, code and words of what is wrong across the fields of a row, or None.

        Each field has been checked alone before.
        """
        return None

    def labelled(self, row: Row) -> bool:
        """Say whether the answer of the row is known; test files may withhold it."""
        return bool(row[self.label_field] != -1)

    @abstractmethod
    def prompt(self, row: Row) -> str:
        """Return the text before the option, without a space at its end."""

    @abstractmethod
    def options(self, row: Row) -> Sequence[str]:
        """Return the candidates as they continue the prompt, a leading space included."""

    @abstractmethod
    def correct(self, row: Row) -> tuple[int, ...]:
        """Return the indices of the right options, the one to train on first."""

    def scores(self, row: Row, prediction: int) -> dict[str, float]:
        """Return each metric of one predicted option, from 0 to 1; `metric` is among them."""
        return {"accuracy": float(prediction in self.correct(row))}


class ChatTask(TaskBase):
    """A task whose rows are conversations, in a directory as LLaMA-Factory reads it.

    It is scored by the mean negative log-probability of the tokens of answers, in nats.
    """

    metric = "loss"
    defaults: ClassVar[Mapping[str, Any]] = {"train_samples": None, "eval_samples": None}


class GenerationTask(Task):
    """A task whose answer is written by the model, greedily, up to the end of the line."""

    metric: ClassVar[str] = "f1"
    classification: ClassVar[bool] = False
    #: The most tokens an answer may have.
    max_new_tokens: ClassVar[int] = 50

    @abstractmethod
    def references(self, row: Row) -> Sequence[str]:
        """Return the accepted answers, the one to train on first."""

    def labelled(self, row: Row) -> bool:
        """Say whether the row has an answer."""
        return bool(self.references(row))

    def options(self, row: Row) -> Sequence[str]:
        """Return the answer to train on, up to its end of line."""
        return [f" {self.references(row)[0]}\n"]

    def correct(self, row: Row) -> tuple[int, ...]:
        """Return the only option there is."""
        return (0,)

    def text_scores(self, row: Row, text: str) -> dict[str, float]:
        """Return F1 and exact match of a written answer, the best over the references."""
        references = self.references(row)
        return {
            "f1": max(_metrics.f1(text, reference) for reference in references),
            "exact_match": max(_metrics.exact_match(text, reference) for reference in references),
        }


class LabelWordTask(Task):
    """A task whose options are the same words in every row, by label."""

    #: The option of each label, in the order of the labels.
    label_words: ClassVar[tuple[str, ...]]
    #: What stands between the prompt and the word.
    separator: ClassVar[str] = ""

    def options(self, row: Row) -> Sequence[str]:
        """Return the words of the labels."""
        return [self.separator + word for word in self.label_words]

    def correct(self, row: Row) -> tuple[int, ...]:
        """Return the label."""
        return (int(row[self.label_field]),)
