"""Loaders and trainers read the same tokens in the same order, and the loss falls."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.token_pairs import write_documents, write_flat
from penstock.loading import TokenDataset, fingerprint

torch = pytest.importorskip("torch")
SCRIPT = Path(__file__).parents[1] / "helpers" / "train_on_pair.py"
SEQ_LENGTH, GLOBAL_BATCH, STEPS = 32, 8, 8


@pytest.fixture(scope="module")
def books(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pair with the beginnings of some books in GPT-2 tokens."""
    tokenizers = pytest.importorskip("tokenizers")
    encoder = tokenizers.Tokenizer.from_file(
        str(shared_data / "tokenizers" / "gpt2" / "tokenizer.json")
    )
    with gzip.open(shared_data / "text" / "books.jsonl.gz", "rt", encoding="utf-8") as lines:
        texts = [json.loads(next(lines))["text"][:2000] for _ in range(20)]
    documents = [[[*encoding.ids, 50_256]] for encoding in encoder.encode_batch(texts)]
    return write_documents(tmp_path_factory.mktemp("books") / "books_text_document", documents)


def expected(books: Path) -> TokenDataset:
    return TokenDataset(books, SEQ_LENGTH, last="drop", shuffle=True)


def train(how: str, books: Path, out: Path, processes: int) -> list[dict[str, Any]]:
    """Run a trainer in one or more processes; return what each one read."""
    out.mkdir()
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    command = [
        sys.executable,
        *(launcher if processes > 1 else []),
        str(SCRIPT),
        how,
        str(books),
        str(out),
    ]
    done = subprocess.run(
        command,
        env={**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads((out / f"{rank}.json").read_text()) for rank in range(processes)]


def assert_falling(losses: list[float]) -> None:
    assert len(losses) == STEPS
    assert np.mean(losses[-2:]) < losses[0] - 0.5


@pytest.mark.slow
@pytest.mark.parametrize("how", ["fsdp2", "deepspeed"])
def test_two_ranks_read_consecutive_samples_of_the_order_in_each_step(
    how: str, books: Path, tmp_path: Path
) -> None:
    if how == "deepspeed":
        pytest.importorskip("deepspeed")
        if shutil.which("g++") is None:
            pytest.skip("DeepSpeed compiles its operators on first use, which needs g++")
    ranks = train(how, books, tmp_path / "out", processes=2)
    for rank in ranks:
        assert_falling(rank["losses"])
    # Rank r has rows r, r + 2, ... of each step.
    steps = np.stack([rank["batches"] for rank in ranks], axis=2).reshape(STEPS, GLOBAL_BATCH, -1)
    dataset = expected(books)
    assert fingerprint(steps[0]) == dataset.fingerprint(GLOBAL_BATCH)
    assert fingerprint(steps) == dataset.fingerprint(GLOBAL_BATCH * STEPS)


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
def test_the_trainer_of_transformers_reads_the_same_steps(
    processes: int, books: Path, tmp_path: Path
) -> None:
    pytest.importorskip("accelerate")
    ranks = train("trainer", books, tmp_path / "out", processes)
    assert_falling(ranks[0]["losses"])
    # It gives each rank a complete batch in turn.
    steps = np.stack([rank["batches"] for rank in ranks], axis=1).reshape(STEPS, GLOBAL_BATCH, -1)
    dataset = expected(books)
    assert fingerprint(steps[0]) == dataset.fingerprint(GLOBAL_BATCH)
    assert fingerprint(steps) == dataset.fingerprint(GLOBAL_BATCH * STEPS)


def numbers(loader: Any) -> list[int]:
    """Return the first token of each sample of a loader, batch by batch."""
    return [int(first) for batch in loader for first in batch["input_ids"][:, 0]]


@pytest.mark.parametrize("context", ["fork", pytest.param("spawn", marks=pytest.mark.slow)])
def test_loader_workers_give_the_same_order_in_every_epoch(tmp_path: Path, context: str) -> None:
    dataset = TokenDataset(write_flat(tmp_path / "a", 60, 0, 180), 3, shuffle=True)
    loader = torch.utils.data.DataLoader(
        dataset,
        batch_size=4,
        num_workers=2,
        persistent_workers=True,
        multiprocessing_context=context,
    )
    plain = TokenDataset(tmp_path / "a", 3, shuffle=True)
    for epoch in (0, 1):
        dataset.set_epoch(epoch)
        plain.set_epoch(epoch)
        assert numbers(loader) == [int(sample["input_ids"][0]) for sample in plain]


def test_a_batch_of_a_loader_has_tensors_and_a_fingerprint(tmp_path: Path) -> None:
    dataset = TokenDataset(write_flat(tmp_path / "a", 60, 50), 32, mode="document")
    batch = next(iter(torch.utils.data.DataLoader(dataset, batch_size=4)))
    assert {
        name: (column.dtype, tuple(column.shape)) for name, column in batch.items()
    } == dict.fromkeys(("input_ids", "labels", "attention_mask"), (torch.int64, (4, 32)))
    assert fingerprint(batch) == fingerprint(batch["input_ids"]) == dataset.fingerprint(4)


def test_a_loader_resumes_after_a_saved_position(tmp_path: Path) -> None:
    dataset = TokenDataset(write_flat(tmp_path / "a", 240), 3, shuffle=True)
    full = numbers(torch.utils.data.DataLoader(dataset, batch_size=4))
    resumed = TokenDataset(tmp_path / "a", 3, shuffle=True)
    resumed.load_state_dict(dataset.state_dict(taken=5 * 4))
    loader = torch.utils.data.DataLoader(resumed, batch_size=4, num_workers=1)
    assert len(loader) == 15
    assert numbers(loader) == full[20:]
