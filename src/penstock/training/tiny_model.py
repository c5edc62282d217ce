"""A language model of a few hundred thousand weights, created and trained in seconds."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from penstock.training.model import save_model

_END = "<|end|>"


def build_tiny_model(
    sentences: Sequence[str],
    directory: Path,
    *,
    seed: int,
    hidden_size: int = 96,
    layers: int = 2,
    vocabulary: int = 1000,
    steps: int = 300,
) -> None:
    """Train a byte-level BPE tokenizer and a small Llama on `sentences`; write both.

    Sentences must be shorter than 64 tokens. This takes about 10 seconds on one core; on more, the
    threads would wait for each other longer than they compute.
    """
    torch.manual_seed(seed)
    tokenizer = _train_tokenizer(sentences, vocabulary)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden_size,
        intermediate_size=4 * hidden_size,
        num_hidden_layers=layers,
        num_attention_heads=4,
        max_position_embeddings=128,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        tie_word_embeddings=True,
    )
    model = LlamaForCausalLM(config)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        _train_model(model, tokenizer, sentences, steps, seed)
    finally:
        torch.set_num_threads(threads)
    save_model(model, tokenizer, directory)


def _train_tokenizer(sentences: Sequence[str], vocabulary: int) -> Any:
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[_END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    raw.train_from_iterator(sentences, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=raw, bos_token=_END, eos_token=_END, pad_token=_END
    )


def _train_model(
    model: Any, tokenizer: Any, sentences: Sequence[str], steps: int, seed: int
) -> None:
    rng = random.Random(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    for step in range(steps):
        batch = tokenizer(rng.sample(list(sentences), 32), return_tensors="pt", padding=True)
        labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * (1 - step / steps)
        model(**batch, labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.eval()
