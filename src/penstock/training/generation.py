"""Answers that the model writes: plain greedy decoding, up to the first line end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from penstock.training.objective import Objective

_BATCH = 16


@torch.no_grad()
def write_answers(
    objective: Objective, tokenizer: Any, prompts: Sequence[Sequence[int]], max_new_tokens: int
) -> list[str]:
    """Return what the model writes after each prompt (token ids), in their order.

    Prompts are sorted by length and padded on the left. The model's own settings of generation,
    such as a penalty for repetition, are not applied.
    """
    order = sorted(range(len(prompts)), key=lambda index: (len(prompts[index]), index))
    texts = [""] * len(prompts)
    model: Any = objective.base_model
    with _greedy(model, max_new_tokens), objective.autocast():
        for start in range(0, len(order), _BATCH):
            batch = order[start : start + _BATCH]
            length = len(prompts[batch[-1]])
            ids = torch.zeros(len(batch), length, dtype=torch.long)
            attention = torch.zeros_like(ids)
            for place, index in enumerate(batch):
                begin = length - len(prompts[index])
                ids[place, begin:] = torch.tensor(prompts[index])
                attention[place, begin:] = 1
            written = model.generate(
                input_ids=ids.to(objective.device),
                attention_mask=attention.to(objective.device),
                stop_strings=["\n"],
                tokenizer=tokenizer,
            )
            answers = tokenizer.batch_decode(written[:, length:], skip_special_tokens=True)
            for index, answer in zip(batch, answers, strict=True):
                texts[index] = answer.partition("\n")[0].strip()
    return texts


@contextmanager
def _greedy(model: Any, max_new_tokens: int) -> Iterator[None]:
    """Let the model write greedily; what `generate` is not given, it takes from the model."""
    from transformers import GenerationConfig

    own = model.generation_config
    ends = own.eos_token_id if own.eos_token_id is not None else model.config.eos_token_id
    pad = ends[0] if isinstance(ends, list) else ends
    model.generation_config = GenerationConfig(
        max_new_tokens=max_new_tokens, do_sample=False, eos_token_id=ends, pad_token_id=pad or 0
    )
    try:
        yield
    finally:
        model.generation_config = own
