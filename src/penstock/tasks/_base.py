"""What a task is: its rows, its files, its prompt, its options, its metric.

Prompts and row conventions follow the public MeZO code (princeton-nlp/MeZO,
`large_models/tasks.py` and `templates.py`), whose prompts come from GPT-3 and PromptSource.
"""

from __future__ import annotations

import re
import string
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping
from typing import Any, ClassVar

from penstock.tasks._fields import Kind

Row = Mapping[str, Any]


class TaskBase(ABC):
    """What every task has, whatever its rows are: names, a metric, and defaults."""

    #: The registered name, the same as the module's.
    name: ClassVar[str]
    #: The name of its data and results directories, such as `Copa`.
    directory: ClassVar[str]
    #: The score that results report.
    metric: ClassVar[str] = "accuracy"
    #: The number of rows at the end of the train file for choosing checkpoints and learning rates;
    #: None if the task has a separate split for that.
    dev_rows: ClassVar[int | None] = None
    #: Train by cross-entropy over the scores of the options; None for tasks without options.
    classification: ClassVar[bool | None] = None
    #: Task-specific defaults of hyperparameters.
    defaults: ClassVar[Mapping[str, Any]] = {}


class ChatTask(TaskBase):
    """A task whose rows are conversations, in a directory as LLaMA-Factory reads it.

    The score is the mean negative log-probability of the tokens of answers, in nats.
    """

    metric = "loss"
    defaults: ClassVar[Mapping[str, Any]] = {"train_samples": None, "eval_samples": None}


class Task(TaskBase):
    """A benchmark task whose rows are answered by choosing among options.

    The model reads `prompt(row)` followed by each of `options(row)`; the option with the highest
    mean log-probability of its tokens is the answer.
    """

    #: Files are `{prefix}_{split}.jsonl`.
    prefix: ClassVar[str]
    #: Every field of a row.
    fields: ClassVar[Mapping[str, Kind]]
    #: The fields that hold text; synthetic data rephrases the first.
    text_fields: ClassVar[tuple[str, ...]]
    #: The field that identifies a row, if there is one.
    id_field: ClassVar[str | None] = "idx"
    #: The field that holds the answer.
    label_field: ClassVar[str] = "label"
    #: The prompt as a format string over the fields of a row; `prompt` can be overridden instead.
    template: ClassVar[str]
    dev_rows: ClassVar[int] = 500
    #: Train by cross-entropy over the scores of the options; otherwise on the tokens of the
    #: correct option.
    classification: ClassVar[bool] = True

    def file_name(self, split: str) -> str:
        """Return the file name of a split."""
        return f"{self.prefix}_{split}.jsonl"

    def problem(self, row: Row) -> tuple[str, str, str] | None:
        """Return field, finding code and message of a problem across fields, or None.

        Each field of the row is valid by itself.
        """
        return None

    def labelled(self, row: Row) -> bool:
        """Return True if the answer of the row is known; test files may withhold it."""
        return bool(row[self.label_field] != -1)

    def prompt(self, row: Row) -> str:
        """Return the text before the option, without a space at its end."""
        return self.template.format_map(row)

    @abstractmethod
    def options(self, row: Row) -> list[str]:
        """Return the options as they continue the prompt, including a leading space."""

    def correct(self, row: Row) -> tuple[int, ...]:
        """Return the indices of the correct options, the one to train on first."""
        return (int(row[self.label_field]),)

    def scores(self, row: Row, prediction: int) -> dict[str, float]:
        """Return the metrics of a predicted option, from 0 to 1; `metric` is among them."""
        return {"accuracy": float(prediction in self.correct(row))}


class LabelWordTask(Task):
    """A task whose options are the same words in every row, one per label."""

    #: The options in the order of the labels.
    label_words: ClassVar[tuple[str, ...]]
    #: The text between the prompt and the word.
    separator: ClassVar[str] = ""

    def options(self, row: Row) -> list[str]:
        return [self.separator + word for word in self.label_words]


class GenerationTask(Task):
    """A task whose answer the model generates greedily, up to the end of the line."""

    metric: ClassVar[str] = "f1"
    classification: ClassVar[bool] = False
    #: The maximum number of tokens of an answer.
    max_new_tokens: ClassVar[int] = 50

    @abstractmethod
    def references(self, row: Row) -> list[str]:
        """Return the accepted answers, the one to train on first."""

    def labelled(self, row: Row) -> bool:
        return bool(self.references(row))

    def options(self, row: Row) -> list[str]:
        """Return the answer to train on, up to its end of line."""
        return [f" {self.references(row)[0]}\n"]

    def correct(self, row: Row) -> tuple[int, ...]:
        return (0,)

    def text_scores(self, row: Row, text: str) -> dict[str, float]:
        """Return F1 and exact match of a generated answer with the best reference."""
        references = self.references(row)
        return {
            "f1": max(f1(text, reference) for reference in references),
            "exact_match": max(exact_match(text, reference) for reference in references),
        }


# Scores of generated answers as in the SQuAD evaluation (Rajpurkar et al. 2016).

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalize_answer(text: str) -> str:
    """Return lower-case words without punctuation and articles, separated by single spaces."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def exact_match(answer: str, reference: str) -> float:
    """Return 1.0 if both have the same normalized words, else 0.0."""
    return float(normalize_answer(answer) == normalize_answer(reference))


def f1(answer: str, reference: str) -> float:
    """Return the harmonic mean of precision and recall of the words, from 0 to 1."""
    answered, expected = normalize_answer(answer).split(), normalize_answer(reference).split()
    if not answered or not expected:
        return float(answered == expected)
    common = sum((Counter(answered) & Counter(expected)).values())
    return 2 * common / (len(answered) + len(expected))
