"""A small input and a recipe that makes Megatron's files of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from helpers.recipe_worlds import rows, write_jsonl, write_recipe


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """200 rows of JSON Lines."""
    return write_jsonl(tmp_path / "rows.jsonl", rows(200))


@pytest.fixture
def recipe(tmp_path: Path, source: Path, tiny_tokenizer: Path) -> Callable[..., Path]:
    """Write a recipe of small input splits; keyword arguments replace its settings."""

    def write(**changes: Any) -> Path:
        settings: dict[str, Any] = {
            "name": "rows",
            "source": {"kind": "jsonl", "path": str(source)},
            "steps": [{"tokenize": {"tokenizer": str(tiny_tokenizer), "append_eod": True}}],
            "format": "megatron",
            "output": str(tmp_path / "dataset"),
            "input_split_bytes": 2000,
        }
        return write_recipe(tmp_path / "recipe.yaml", **{**settings, **changes})

    return write
