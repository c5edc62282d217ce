"""Score a model on rows: by the best option, or by what it writes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from penstock.tasks import GenerationTask, Task
from penstock.training.encoding import EncodedRow, Encoder
from penstock.training.objective import Objective

_GENERATION_BATCH = 16


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
            texts = self._write(rows)
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

    @torch.no_grad()
    def _write(self, rows: Sequence[EncodedRow]) -> list[str]:
        """Let the model write each answer, greedily, up to its first line end."""
        assert isinstance(self.task, GenerationTask)
        prompts = self.encoder.prompts([row.row for row in rows])
        order = sorted(range(len(prompts)), key=lambda index: (len(prompts[index]), index))
        texts = [""] * len(prompts)
        model: Any = self.objective.model
        for start in range(0, len(order), _GENERATION_BATCH):
            batch = order[start : start + _GENERATION_BATCH]
            length = max(len(prompts[index]) for index in batch)
            ids = torch.zeros(len(batch), length, dtype=torch.long, device=self.objective.device)
            attention = torch.zeros_like(ids)
            for place, index in enumerate(batch):
                prompt = torch.tensor(prompts[index])
                ids[place, length - len(prompt) :] = prompt
                attention[place, length - len(prompt) :] = 1
            written = model.generate(
                input_ids=ids,
                attention_mask=attention,
                max_new_tokens=self.task.max_new_tokens,
                do_sample=False,
                stop_strings=["\n"],
                tokenizer=self.tokenizer,
                pad_token_id=self.tokenizer.eos_token_id or 0,
            )
            answers = self.tokenizer.batch_decode(written[:, length:], skip_special_tokens=True)
            for index, answer in zip(batch, answers, strict=True):
                texts[index] = answer.strip().partition("\n")[0].strip()
        return texts


def chance(task: Task, rows: Sequence[EncodedRow]) -> float:
    """Return what guessing, or always giving the most frequent answer, scores.

    The most frequent answer counts only where every row has the same options. Written answers
    are not to be guessed: 0.
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
