"""Chat rows loaded by `datasets`, the library with which LLaMA-Factory reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import penstock
from helpers.chat_entries import numbers, write_chat
from helpers.chat_worlds import rows_by_file, write_chat_inputs

datasets = pytest.importorskip("datasets")

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the inputs of the examples and a separate cache."""
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


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("notes.json", "[{0}, {0}]"),
        ("notes.json", '[{0}, {{"messages": [], "a": 1, "a": 2}}]'),
        ("notes.json", "[{0}"),
        ("notes.json", "[{0}] x"),
        ("notes.json", "[{0}, 5]"),
        ("notes.jsonl", "\ufeff{0}\n\n{0}\n"),
        ("notes.jsonl", '{0}\n{{"messages": \n'),
        ("notes.jsonl", "{0}\n5\n"),
        ("notes.jsonl", '{0}\n{{"messages": [], "a": 1, "a": 2}}\n'),
    ],
)
def test_files_that_do_not_load_are_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, data: str
) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    home = write_chat(tmp_path / "chat", notes=numbers(1))
    row = (home / "notes.jsonl").read_text().strip()
    (home / "notes.jsonl").rename(home / name)
    (home / name).write_text(data.format(row), encoding="utf-8")
    info = home / "dataset_info.json"
    info.write_text(info.read_text().replace('"notes.jsonl"', f'"{name}"'))
    try:
        loads = bool(loaded(home / name))
    except datasets.exceptions.DatasetGenerationError:
        loads = False
    (finding,) = (f for f in penstock.check(home).datasets[0].findings if f.code == "rows-trained")
    assert finding.message.endswith("does not load") != loads
