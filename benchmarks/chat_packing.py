"""One optimizer step on packed conversations, compared with padded batches of transformers.

A random Llama computes the gradient of the mean loss over all answer tokens of 64 conversations,
whose lengths are log-normal and whose last third is the answer. The peer pads batches of 8 to the
longest and adds up the model's losses, weighted by tokens, as its Trainer does; penstock packs the
same conversations into rows. Losses and gradient norms must agree. Times are CPU time, the shortest
of several rounds.

    python benchmarks/chat_packing.py [--conversations 64] [--rounds 3] [--threads 1]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from penstock.training.chat.objective import ChatObjective
from penstock.training.chat.template import EncodedChat

BATCH, MAX_LENGTH, VOCABULARY = 8, 512, 8192
MEAN, SIGMA = 90, 0.8


def compose(count: int, seed: int = 0) -> list[EncodedChat]:
    """Return conversations of random tokens."""
    rng = np.random.default_rng(seed)
    drawn = rng.lognormal(np.log(MEAN) - SIGMA**2 / 2, SIGMA, count)
    return [
        EncodedChat(
            Path(),
            number,
            rng.integers(0, VOCABULARY, length, dtype=np.int32),
            np.arange(length) >= length - length // 3,
        )
        for number, length in enumerate(np.clip(drawn, 12, MAX_LENGTH).astype(int))
    ]


def make_model() -> Any:
    """Return a Llama of 13 M weights."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=384,
        intermediate_size=1024,
        num_hidden_layers=6,
        num_attention_heads=6,
        tie_word_embeddings=True,
    )
    return LlamaForCausalLM(config).eval()


def padded_step(model: Any, chats: Sequence[EncodedChat]) -> tuple[float, int]:
    """Return the loss and the number of input tokens, including padding, of padded batches."""
    total = sum(chat.answer_tokens for chat in chats)
    loss, seen = 0.0, 0
    for start in range(0, len(chats), BATCH):
        batch = chats[start : start + BATCH]
        length = max(len(chat.ids) for chat in batch)
        ids = torch.zeros(len(batch), length, dtype=torch.long)
        attention, labels = torch.zeros_like(ids), torch.full_like(ids, -100)
        for row, chat in enumerate(batch):
            size = len(chat.ids)
            ids[row, :size] = torch.from_numpy(chat.ids)
            attention[row, :size] = 1
            labels[row, :size] = torch.where(torch.from_numpy(chat.trained), ids[row, :size], -100)
        part = model(
            input_ids=ids, attention_mask=attention, labels=labels, num_items_in_batch=total
        ).loss
        part.backward()
        loss += float(part.detach())
        seen += ids.numel()
    return loss, seen


def packed_step(model: Any, chats: Sequence[EncodedChat], packing: bool) -> tuple[float, int]:
    """Return the same for penstock."""
    objective = ChatObjective(model, packing=packing, max_length=MAX_LENGTH)
    total = sum(chat.answer_tokens for chat in chats)
    rows = objective.input_rows(chats)
    loss, seen = 0.0, 0
    for start in range(0, len(rows), BATCH):
        batch = rows[start : start + BATCH]
        part = objective.loss(batch, total)
        part.backward()
        loss += float(part.detach())
        seen += len(batch) * max(sum(len(chat.ids) for chat in row) for row in batch)
    return loss, seen


def measure(
    model: Any, step: Callable[[], tuple[float, int]], rounds: int
) -> tuple[float, float, float, int]:
    """Return the shortest CPU time, the loss, the gradient norm and the number of tokens."""
    times = []
    for _ in range(rounds):
        model.zero_grad()
        start = time.process_time()
        loss, seen = step()
        times.append(time.process_time() - start)
    gradients = [p.grad.flatten() for p in model.parameters() if p.grad is not None]
    return min(times), loss, float(torch.cat(gradients).norm()), seen


def main() -> int:
    """Print a line per method; return 1 if losses or gradients differ."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--conversations", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    model, chats = make_model(), compose(options.conversations)
    packed_step(model, chats[:4], True)  # compiles the packer
    tokens = sum(len(chat.ids) for chat in chats)
    print(f"{len(chats)} conversations, {tokens:,} tokens, at most {MAX_LENGTH} each")
    print(f"{'method':<24}{'padding %':>10}{'CPU s':>9}{'ratio':>8}{'loss':>11}{'gradient':>11}")
    methods = {
        "transformers, padded": lambda: padded_step(model, chats),
        "penstock, padded": lambda: packed_step(model, chats, False),
        "penstock, packed": lambda: packed_step(model, chats, True),
    }
    found = {}
    for name, step in methods.items():
        seconds, loss, norm, seen = found[name] = measure(model, step, options.rounds)
        ratio = found["transformers, padded"][0] / seconds
        padding = 100 * (1 - tokens / seen)
        print(f"{name:<24}{padding:>10.1f}{seconds:>9.2f}{ratio:>8.2f}{loss:>11.6f}{norm:>11.6f}")
    numbers = np.array([values[1:3] for values in found.values()])
    if not np.allclose(numbers, numbers[0], rtol=1e-4):
        print("losses or gradients differ", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
