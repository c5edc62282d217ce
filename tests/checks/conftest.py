"""A tokenizer, and the token ids of real text."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.token_datasets import Ids, encode, prose, train_tokenizer


@pytest.fixture(scope="session")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_tokenizer(tmp_path_factory.mktemp("tokenizer"), prose())


@pytest.fixture(scope="session")
def documents(tokenizer: Path) -> list[Ids]:
    return encode(tokenizer, prose())
