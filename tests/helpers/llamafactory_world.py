"""Chat rows, a tiny Llama, and a stub of LLaMA-Factory's environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from penstock.formats.chat import entry_of
from penstock.formats.chat.dataset_info import dump_dataset_info
from penstock.runs import (
    ModelUse,
    RunConfig,
    RunData,
    RunDirectory,
    RunRecord,
    State,
)

Row = dict[str, Any]

_STUB = Path(__file__).with_name("stub_llamafactory.py")
#: The contents that the stub environment reports.
CONTENTS: dict[str, Any] = {
    "versions": {"llamafactory": "0.9.5", "torch": "2.13.0+cpu"},
    "cuda_build": None,
    "cuda_devices": 0,
    "import_errors": {},
}


def chat_row(number: int) -> Row:
    """Return a distinct row."""
    return {
        "messages": [
            {"role": "system", "content": "You paraphrase."},
            {"role": "user", "content": f"Paraphrase this: lamp {number} is lit."},
            {"role": "assistant", "content": f"There is light in lamp {number}."},
        ]
    }


def write_chat(directory: Path, *, train: int = 24, eval: int = 7, test: int = 5) -> Path:
    """Write a directory that LLaMA-Factory reads; an empty split is left out."""
    directory.mkdir(parents=True)
    entries = []
    counts = {"lamps_train": train, "lamps_eval": eval, "lamps_test": test}
    for first, (name, count) in enumerate(counts.items()):
        if count:
            rows = [chat_row(1000 * first + number) for number in range(count)]
            write_rows(directory / f"{name}.jsonl", rows)
            entries.append(entry_of(name, f"{name}.jsonl", "sharegpt"))
    (directory / "dataset_info.json").write_bytes(dump_dataset_info(entries))
    return directory


def write_rows(file: Path, rows: list[Row]) -> None:
    """Write rows as JSON lines."""
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))


def write_tiny_llama(directory: Path) -> Path:
    """Write an untrained Llama of two layers, with the special tokens of Llama 3."""
    from tokenizers import ByteLevelBPETokenizer
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    names = ("begin_of_text", "end_of_text", "start_header_id", "end_header_id", "eot_id", "eom_id")
    special = [f"<|{name}|>" for name in names]
    raw = ByteLevelBPETokenizer()
    raw.train_from_iterator(["the lamp is lit"] * 10, 300, special_tokens=special)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw._tokenizer, bos_token=special[0], eos_token=special[4]
    )
    tokenizer.pad_token = special[1]
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=512,
    )
    LlamaForCausalLM(config).save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return directory


def stub_environment(directory: Path, **contents: Any) -> Path:
    """Create a stub of LLaMA-Factory's environment with the given contents."""
    programs = directory / "bin"
    programs.mkdir(parents=True)
    reported = json.dumps(CONTENTS | contents)
    for name, script in (
        ("llamafactory-cli", f'exec "{sys.executable}" "{_STUB}" "$@"'),
        ("python", f"echo '{reported}'"),
    ):
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)
    return directory


def make_run(root: Path, data: Path, **values: Any) -> RunDirectory:
    """Create the directory of a run that is about to start."""
    from penstock.trainers import runner

    llamafactory = runner("llamafactory")
    given = {"template": "llama3", "batch_size": 2, "gradient_accumulation": 2} | values
    config = RunConfig(
        purpose="test",
        trainer="llamafactory",
        model="tiny",
        task="chat",
        method="fo_lora",
        data=RunData(path=str(data), label="lamps"),
        hyperparameters=llamafactory.hyperparameters("fo_lora")(**given).model_dump(),
    )
    directory = RunDirectory.create(root, config)
    directory.write(
        RunRecord(
            identity="0" * 16,
            state=State.RUNNING,
            config=config,
            command=llamafactory.command(directory, config),
            device="cpu",
            host="here",
            pid=os.getpid(),
            started="2026-01-01T00:00:00+00:00",
            model=ModelUse(name="tiny"),
            datasets=[],
        )
    )
    return directory


def start(directory: RunDirectory, environment: Path, behaviour: str) -> subprocess.Popen[str]:
    """Start the process of a run, in the run's directory and in a new session."""
    named = {"LLAMAFACTORY_VENV": str(environment), "BEHAVIOUR": behaviour}
    return subprocess.Popen(
        directory.read().command,
        cwd=directory.path,
        env={**os.environ, **named},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
