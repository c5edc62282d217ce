"""The tiny model and the datasets that these tests train on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from helpers.training_data import arc_rows, cb_rows, copa_rows, write_task
from penstock.demo.corpus import pretraining_sentences
from penstock.training.model import load_model
from penstock.training.tiny_model import build_tiny_model


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Small models are fastest on one thread, and sums have a fixed order."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a Llama of 0.3 M weights, trained on the words of the demo."""
    path = tmp_path_factory.mktemp("model") / "tiny"
    build_tiny_model(pretraining_sentences(0), path, seed=0, hidden_size=64, steps=60)
    return path


@pytest.fixture(scope="session")
def tokenizer(tiny_model: Path) -> Any:
    """The tiny model's tokenizer."""
    return load_model(str(tiny_model), "float32", "cpu")[1]


@pytest.fixture
def model(tiny_model: Path) -> Any:
    """A new copy of the tiny model."""
    return load_model(str(tiny_model), "float32", "cpu")[0]


@pytest.fixture
def copa(tmp_path: Path) -> Path:
    """COPA: 24 training, 8 dev and 12 evaluation rows."""
    return write_task(tmp_path / "Copa", "copa", copa_rows(32), copa_rows(12, first=100))


@pytest.fixture
def cb(tmp_path: Path) -> Path:
    """CommitmentBank of the same sizes: three options, trained as classification."""
    return write_task(tmp_path / "CB", "cb", cb_rows(32), cb_rows(12, first=100))


@pytest.fixture
def arc(tmp_path: Path) -> Path:
    """ARC of the same sizes: rows have three, four or five choices."""
    return write_task(tmp_path / "ArcC_MC", "arcc_mc", arc_rows(32), arc_rows(12, first=100))
