"""The source hf_disk reads what the package `datasets` writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from penstock.batches import RowBatch, RowStats
from penstock.errors import ConfigError
from penstock.sources import SOURCES

datasets = pytest.importorskip("datasets")

ROWS = [{"id": n, "text": f"text {n}", "tags": ["a"] * (n % 3)} for n in range(2500)]


def read(path: Path, **settings: str) -> list[dict[str, object]]:
    source = SOURCES.get("hf_disk").model_validate({"path": str(path), **settings})
    rows: list[dict[str, object]] = []
    for input_split in source.input_splits(20_000):
        for batch in source.read(input_split, RowStats(lambda number: ("", number))):
            assert isinstance(batch, RowBatch)
            rows += batch.rows
    return rows


def test_a_dataset_saved_in_shards_is_read_back(tmp_path: Path) -> None:
    datasets.Dataset.from_list(ROWS).save_to_disk(tmp_path / "d", num_shards=3)
    assert read(tmp_path / "d") == ROWS


def test_a_shuffled_selection_is_read_in_its_order(tmp_path: Path) -> None:
    chosen = datasets.Dataset.from_list(ROWS).shuffle(seed=1).select(range(100))
    chosen.save_to_disk(tmp_path / "d")
    assert read(tmp_path / "d") == chosen.to_list()


def test_one_split_of_a_dataset_dict_is_read(tmp_path: Path) -> None:
    splits = datasets.Dataset.from_list(ROWS).train_test_split(test_size=0.1, seed=0)
    splits.save_to_disk(tmp_path / "d")
    assert read(tmp_path / "d", split="test") == splits["test"].to_list()
    with pytest.raises(ConfigError, match="set split to one of: train, test"):
        read(tmp_path / "d")
