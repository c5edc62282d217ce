"""Fixtures that many tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Processes that tests start import `helpers`, too.
_INHERITED = os.environ.get("PYTHONPATH")
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(Path(__file__).parent), _INHERITED]))
# Tests run side by side on all cores; threads of one that wait for each other slow down all.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# The same examples every time, on machines of any speed, with nothing kept between runs.
settings.register_profile("penstock", deadline=None, derandomize=True, database=None)
settings.load_profile("penstock")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The real data that lies beside the repository, not in it."""
    path = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not path.is_dir():
        pytest.skip("the real data is not beside the repository (../shared/data)")
    return path


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small Llama with its tokenizer, hardly taught, as transformers saves them."""
    from penstock.demo.corpus import pretraining_sentences
    from penstock.training.tiny_model import build_tiny_model

    path = tmp_path_factory.mktemp("tiny") / "model"
    build_tiny_model(pretraining_sentences(seed=0), path, seed=0, hidden_size=32, steps=20)
    return path


@pytest.fixture(scope="session")
def tiny_tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a byte-level BPE tokenizer of 500 tokens that knows <|endoftext|>."""
    from tokenizers import ByteLevelBPETokenizer

    path = tmp_path_factory.mktemp("tokenizer")
    tokenizer = ByteLevelBPETokenizer()
    sentences = ["The water in the penstock falls on the wheel. ", "Nothing is silent, 1 2 3.\n"]
    tokenizer.train_from_iterator(sentences * 50, 500, special_tokens=["<|endoftext|>"])
    tokenizer.save(str(path / "tokenizer.json"))
    (path / "tokenizer_config.json").write_text('{"eos_token": "<|endoftext|>"}')
    return path
