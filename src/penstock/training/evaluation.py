"""Score a model on rows: by the best option, or by what it writes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from penstock.tasks import GenerationTask, Task
from penstock.training.encoding import EncodedRow, Encoder
from penstock.training.generation import write_answers
from penstock.training.objective import Objective


@dataclass(frozen=True)
class Evaluation:
    """Means over the rows. `scores` are from 0 to 1, `loss` is in nats.

    `predictions` has one entry a row: the index of the chosen option, or the written text.
    """

    scores: dict[str, float]
    loss: float
    predictions: list[int | str]
    row_scores: list[dict[str, float]]


class Evaluator:
    """Evaluates rows of one task under one model."""

    def __init__(self, task: Task, tokenizer: Any, encoder: Encoder, objective: Objective) -> None:
        self.task = task
        self.tokenizer = tokenizer
        self.encoder = encoder
        self.objective = objective

    def evaluate(self, rows: Sequence[EncodedRow]) -> Evaluation:
        """Return the scores of the rows.

        The loss is the cross-entropy over the options' scores, or, where answers are written, the
        negative score of the first reference.
        """
        option_scores = self.objective.option_scores(rows)
        if isinstance(self.task, GenerationTask):
            prompts = self.encoder.prompts([row.row for row in rows])
            limit = self.task.max_new_tokens
            texts = write_answers(self.objective, self.tokenizer, prompts, limit)
            row_scores = [
                self.task.text_scores(row.row, text) for row, text in zip(rows, texts, strict=True)
            ]
            loss = -sum(scores[0] for scores in option_scores) / len(rows)
            return Evaluation(_means(row_scores), loss, list(texts), row_scores)
        chosen = [max(range(len(scores)), key=scores.__getitem__) for scores in option_scores]
        row_scores = [
            self.task.scores(row.row, index) for row, index in zip(rows, chosen, strict=True)
        ]
        loss = sum(
            _option_loss(scores, row.correct[0])
            for row, scores in zip(rows, option_scores, strict=True)
        ) / len(rows)
        return Evaluation(_means(row_scores), loss, list(chosen), row_scores)


def chance(task: Task, rows: Sequence[EncodedRow]) -> float:
    """Return what guessing, or always giving the most frequent answer, scores.

    The most frequent answer counts only where every row has as many options. Written answers are
    not to be guessed: 0.
    """
    if isinstance(task, GenerationTask) or not rows:
        return 0.0
    guessing = sum(len(row.correct) / len(row.options) for row in rows) / len(rows)
    if len({len(row.options) for row in rows}) > 1:
        return guessing
    most = Counter(row.correct[0] for row in rows).most_common(1)[0][1]
    return max(guessing, most / len(rows))


def _option_loss(scores: Sequence[float], correct: int) -> float:
    top = max(scores)
    return top + math.log(sum(math.exp(score - top) for score in scores)) - scores[correct]


def _means(row_scores: Sequence[dict[str, float]]) -> dict[str, float]:
    names = row_scores[0].keys()
    return {name: sum(scores[name] for scores in row_scores) / len(row_scores) for name in names}
