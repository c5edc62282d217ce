"""A few training steps of a small Llama on a pair of `.bin` and `.idx` with several trainers.

Run by the tests in one process or several (`torch.distributed.run`):

    train_on_pair.py {fsdp2|deepspeed|trainer} PREFIX OUT_DIRECTORY

Every process writes `OUT_DIRECTORY/RANK.json`: its losses, and the ids of every batch that it read.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import transformers

from penstock.loading import TokenDataset

SEQ_LENGTH = 32
GLOBAL_BATCH = 8
STEPS = 8
LEARNING_RATE = 1e-2
RANK, WORLD_SIZE = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
BATCH = GLOBAL_BATCH // WORLD_SIZE


def small_llama() -> Any:
    torch.manual_seed(0)
    return transformers.LlamaForCausalLM(
        transformers.LlamaConfig(
            vocab_size=50_257,
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=SEQ_LENGTH,
        )
    )


def batches(prefix: Path) -> Iterator[dict[str, torch.Tensor]]:
    """Yield this rank's batches: the dataset determines the order, the loader reads in sequence."""
    dataset = TokenDataset(
        prefix, SEQ_LENGTH, last="drop", shuffle=True, rank=RANK, world_size=WORLD_SIZE
    )
    loader = torch.utils.data.DataLoader(dataset, batch_size=BATCH, shuffle=False, num_workers=1)
    for step, batch in enumerate(loader):
        if step == STEPS:
            return
        yield batch


def train_fsdp2(prefix: Path, seen: list[Any]) -> list[float]:
    from torch.distributed.fsdp import fully_shard

    torch.distributed.init_process_group("gloo")
    mesh = torch.distributed.init_device_mesh("cpu", (WORLD_SIZE,))
    model = small_llama()
    for layer in model.model.layers:
        fully_shard(layer, mesh=mesh)
    fully_shard(model, mesh=mesh)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE)
    losses = []
    for batch in batches(prefix):
        seen.append(batch["input_ids"].tolist())
        loss = model(**batch).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    torch.distributed.destroy_process_group()
    return losses


def train_deepspeed(prefix: Path, seen: list[Any]) -> list[float]:
    import deepspeed

    config = {
        "train_micro_batch_size_per_gpu": BATCH,
        "zero_optimization": {"stage": 1},
        "optimizer": {"type": "AdamW", "params": {"lr": LEARNING_RATE, "torch_adam": True}},
    }
    deepspeed.init_distributed("gloo")
    model = small_llama()
    engine, *_ = deepspeed.initialize(
        model=model, model_parameters=model.parameters(), config=config
    )
    losses = []
    for batch in batches(prefix):
        seen.append(batch["input_ids"].tolist())
        loss = engine(**batch).loss
        engine.backward(loss)
        engine.step()
        losses.append(loss.item())
    return losses


def train_trainer(prefix: Path, seen: list[Any]) -> list[float]:
    """Train with the Trainer of transformers, which distributes batches itself."""
    model = small_llama()
    model.register_forward_pre_hook(
        lambda _, __, given: seen.append(given["input_ids"].tolist()), with_kwargs=True
    )
    trainer = transformers.Trainer(
        model=model,
        train_dataset=TokenDataset(
            prefix, SEQ_LENGTH, last="drop", shuffle=True, rank=0, world_size=1
        ),
        args=transformers.TrainingArguments(
            output_dir=str(prefix.parent / f"trainer-{WORLD_SIZE}"),
            per_device_train_batch_size=BATCH,
            train_sampling_strategy="sequential",
            dataloader_drop_last=True,
            max_steps=STEPS,
            learning_rate=LEARNING_RATE,
            lr_scheduler_type="constant",
            use_cpu=True,
            ddp_backend="gloo" if WORLD_SIZE > 1 else None,
            logging_steps=1,
            report_to="none",
            save_strategy="no",
            disable_tqdm=True,
        ),
    )
    trainer.train()
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


def main() -> None:
    how, prefix, out = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    torch.set_num_threads(1)
    seen: list[Any] = []
    train = {"fsdp2": train_fsdp2, "deepspeed": train_deepspeed, "trainer": train_trainer}[how]
    losses = train(prefix, seen)
    (out / f"{RANK}.json").write_text(json.dumps({"losses": losses, "batches": seen}))
    if torch.distributed.is_initialized():
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()
    # Threads of gloo that outlive the interpreter would abort the process.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
