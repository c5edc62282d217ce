"""Rows without a text field: they have only metadata."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from helpers.source_rows import make, read, rows_of, write_lines
from penstock.batches import RowStats
from penstock.errors import DataError
from penstock.sources import _rows

SIDES = {"source": "a", "target": "b"}


def write(path: Path, kind: str, records: list[dict[str, Any]]) -> Path:
    """Write records in a format."""
    if kind == "jsonl":
        return write_lines(path, [json.dumps(record) for record in records])
    if kind == "cohorts":
        path.write_text(json.dumps({"rows": records}))
    elif kind == "parquet":
        import pyarrow
        from pyarrow.parquet import write_table

        write_table(pyarrow.Table.from_pylist(records), path)
    else:
        mark = {"csv": ",", "tsv": "\t"}[kind]
        lines = [mark.join(records[0]), *(mark.join(map(str, r.values())) for r in records)]
        write_lines(path, lines)
    return path


@pytest.mark.parametrize("kind", ["jsonl", "csv", "tsv", "parquet", "cohorts"])
def test_a_row_has_the_fields_under_metadata(tmp_path: Path, kind: str) -> None:
    records = [{"id": str(n), "a": f"one {n}", "b": f"two {n}"} for n in range(30)]
    path = write(tmp_path / "rows", kind, records)
    settings: dict[str, Any] = {"path": str(path), "text": None}
    if kind == "cohorts":
        settings["records"] = "rows[*]"
    assert rows_of(make(kind, **settings), split_bytes=200) == records
    chosen = make(kind, **settings, metadata=SIDES)
    expected = [{"source": record["a"], "target": record["b"]} for record in records]
    assert rows_of(chosen, split_bytes=200) == expected


def test_a_row_may_lack_only_optional_fields(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", ['{"a": "x", "b": 1}', '{"a": "y"}'])
    source = make("jsonl", path=str(path), text=None, metadata=SIDES, optional=["target"])
    assert rows_of(source) == [{"source": "x", "target": 1}, {"source": "y", "target": None}]
    with pytest.raises(DataError, match=r"a\.jsonl:2: the field 'b' is missing"):
        rows_of(make("jsonl", path=str(path), text=None, metadata=SIDES))


def test_batch_sizes_count_the_text_of_all_fields(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_rows, "_BATCH_CHARACTERS", 100)
    lines = [json.dumps({"a": "x" * 30, "b": "y" * 30, "n": n}) for n in range(6)]
    path = write_lines(tmp_path / "a.jsonl", lines)
    source = make("jsonl", path=str(path), text=None)
    [input_split] = source.input_splits(1 << 20)
    sizes = [len(batch) for batch in source.read(input_split, RowStats(lambda _: ("", 0)))]
    assert sizes == [2, 2, 2]


def test_batch_sizes_count_the_text_of_conversations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_rows, "_BATCH_CHARACTERS", 100)
    turns = [{"role": "user", "content": "x" * 30}, {"role": "assistant", "content": "y" * 30}]
    path = write_lines(tmp_path / "a.jsonl", [json.dumps({"messages": turns, "n": 1})] * 6)
    source = make("jsonl", path=str(path), text=None)
    [input_split] = source.input_splits(1 << 20)
    batches = source.read(input_split, RowStats(lambda _: ("", 0)))
    assert [len(batch) for batch in batches] == [2, 2, 2]


def test_a_row_without_text_and_metadata_is_refused() -> None:
    with pytest.raises(ValidationError, match="`text: null` needs metadata"):
        make("jsonl", path="x", text=None, metadata=[])


def test_real_pairs_are_read_completely(shared_data: Path) -> None:
    pairs = shared_data / "pairs"
    for name in ("dev", "test"):
        source = make("tsv", path=str(pairs / f"paws/{name}.tsv"), text=None)
        rows, errors, _ = read(source, split_bytes=200_000)
        assert len(rows) == 8000
        assert errors == []
        assert {tuple(row) for row in rows} == {("id", "sentence1", "sentence2", "label")}
        assert {row["label"] for row in rows} == {"0", "1"}
    questions = {"source": "question1", "target": "question2", "label": "is_duplicate"}
    path = str(pairs / "qqp/questions_sample.csv")
    rows = rows_of(make("csv", path=path, text=None, metadata=questions))
    assert len(rows) == 6000
    assert {tuple(row) for row in rows} == {("source", "target", "label")}
