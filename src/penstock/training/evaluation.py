"""Evaluate a model on benchmark rows, by the best option or by greedy generation."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from penstock.tasks import GenerationTask
from penstock.training.data import Evaluation
from penstock.training.encoding import EncodedRow, Encoder
from penstock.training.objective import Objective, OptionObjective

_GENERATION_BATCH = 16


def evaluate(
    encoder: Encoder, objective: OptionObjective, rows: Sequence[EncodedRow]
) -> Evaluation:
    """Return the scores of the rows.

    `prediction` is the index of the chosen option, or the generated text. The loss is the
    cross-entropy over the scores of the options; for generated answers, the negative score of the
    first reference.
    """
    task = encoder.task
    predictions: list[int] | list[str]
    option_scores = objective.option_scores(rows)
    if isinstance(task, GenerationTask):
        prompts = encoder.prompts([row.row for row in rows])
        texts = generate_answers(objective, encoder.tokenizer, prompts, task.max_new_tokens)
        predictions = texts
        row_scores = [task.text_scores(r.row, text) for r, text in zip(rows, texts, strict=True)]
        loss = -sum(scores[0] for scores in option_scores) / len(rows)
    else:
        chosen = [max(range(len(scores)), key=scores.__getitem__) for scores in option_scores]
        predictions = chosen
        row_scores = [task.scores(r.row, index) for r, index in zip(rows, chosen, strict=True)]
        losses = [
            _cross_entropy(scores, row.correct[0])
            for row, scores in zip(rows, option_scores, strict=True)
        ]
        loss = sum(losses) / len(rows)
    means = {
        name: sum(scores[name] for scores in row_scores) / len(row_scores) for name in row_scores[0]
    }
    lines = [
        {"row": row.row, "prediction": prediction, "scores": scores}
        for row, prediction, scores in zip(rows, predictions, row_scores, strict=True)
    ]
    return Evaluation(means, loss, lines)


def _cross_entropy(scores: Sequence[float], correct: int) -> float:
    top = max(scores)
    return top + math.log(sum(math.exp(score - top) for score in scores)) - scores[correct]


@torch.no_grad()
def generate_answers(
    objective: Objective[Any],
    tokenizer: Any,
    prompts: Sequence[Sequence[int]],
    max_new_tokens: int,
) -> list[str]:
    """Return the greedy continuation of each prompt (token ids) up to the first line end.

    Prompts are sorted by length and padded on the left. The model's own generation settings, such
    as a repetition penalty, are not applied.
    """
    order = sorted(range(len(prompts)), key=lambda index: (len(prompts[index]), index))
    texts = [""] * len(prompts)
    model: Any = objective.base_model
    with _greedy(model, max_new_tokens), objective.autocast():
        for start in range(0, len(order), _GENERATION_BATCH):
            batch = order[start : start + _GENERATION_BATCH]
            length = len(prompts[batch[-1]])
            ids = torch.zeros(len(batch), length, dtype=torch.long)
            attention = torch.zeros_like(ids)
            for position, index in enumerate(batch):
                begin = length - len(prompts[index])
                ids[position, begin:] = torch.tensor(prompts[index])
                attention[position, begin:] = 1
            generated = model.generate(
                input_ids=ids.to(objective.device),
                attention_mask=attention.to(objective.device),
                stop_strings=["\n"],
                tokenizer=tokenizer,
            )
            answers = tokenizer.batch_decode(generated[:, length:], skip_special_tokens=True)
            for index, answer in zip(batch, answers, strict=True):
                texts[index] = answer.partition("\n")[0].strip()
    return texts


@contextmanager
def _greedy(model: Any, max_new_tokens: int) -> Iterator[None]:
    """Replace the model's generation config, whose values `generate` would use as defaults."""
    from transformers import GenerationConfig

    original = model.generation_config
    ends = original.eos_token_id if original.eos_token_id is not None else model.config.eos_token_id
    pad = ends[0] if isinstance(ends, list) else ends
    model.generation_config = GenerationConfig(
        max_new_tokens=max_new_tokens, do_sample=False, eos_token_id=ends, pad_token_id=pad or 0
    )
    try:
        yield
    finally:
        model.generation_config = original
