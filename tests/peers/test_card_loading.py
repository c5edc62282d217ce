"""A dataset with a card, beside the package that reads cards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import penstock

datasets = pytest.importorskip("datasets")


def build(directory: Path, **changes: Any) -> Path:
    """Build a dataset of 200 rows with a card and two splits; return where it lies."""
    rows = [{"id": number, "text": f"The water of wheel {number} falls."} for number in range(200)]
    (directory / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    recipe = {
        "source": {"kind": "jsonl", "path": str(directory / "rows.jsonl"), "metadata": ["id"]},
        "steps": [{"partition": {"key": "id", "test": 0.2}}, {"statistics": {"fields": ["text"]}}],
        "format": "jsonl",
        "card": True,
        "output": str(directory / "dataset"),
        **changes,
    }
    (directory / "recipe.yaml").write_text(json.dumps(recipe))
    return penstock.build(directory / "recipe.yaml", workers=1).path


@pytest.mark.parametrize("form", ["jsonl", {"kind": "jsonl", "rows_per_shard": 30}])
def test_the_splits_are_found_by_their_names(tmp_path: Path, form: Any) -> None:
    dataset = build(tmp_path, format=form)
    loaded = datasets.load_dataset(str(dataset), cache_dir=str(tmp_path / "cache"))
    ours = penstock.show(dataset).splits
    assert {name: len(split) for name, split in loaded.items()} == dict(ours)
    assert loaded["test"].column_names == ["text", "id"]


def test_chat_rows_are_found_beside_the_index_of_another_trainer(tmp_path: Path) -> None:
    chat = {"chat": {"user": "Say it: {id}", "assistant": "{text}"}}
    steps = [{"partition": {"key": "id", "validation": 0.2}}, chat]
    dataset = build(tmp_path, steps=steps, format="chat")
    loaded = datasets.load_dataset(str(dataset), cache_dir=str(tmp_path / "cache"))
    assert set(loaded) == {"train", "validation"}
    assert [turn["role"] for turn in loaded["train"][0]["messages"]] == ["user", "assistant"]
