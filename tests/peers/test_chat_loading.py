"""Chat rows, loaded by the library through which LLaMA-Factory reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import penstock
from chat_worlds import rows_by_file, write_chat_inputs

datasets = pytest.importorskip("datasets")

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the inputs of the examples, and a cache of its own."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    write_chat_inputs(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def loaded(file: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = datasets.load_dataset(
        "json", data_files=str(file), split="train"
    ).to_list()
    return rows


@pytest.mark.parametrize("formatting", ["sharegpt", "alpaca"])
def test_every_file_is_loaded_with_exactly_its_rows(world: Path, formatting: str) -> None:
    built = penstock.build(EXAMPLES / "instructions.yaml", [f"format.formatting={formatting}"])
    expected = rows_by_file(built.path)
    assert len(expected) == 3
    for name, rows in expected.items():
        suffix = ".jsonl" if name.endswith(("_train", "_eval")) else ".json"
        assert loaded(built.path / f"{name}{suffix}") == rows
