"""`packed_jsonl`: writing, finding and reading, and broken files that are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.packed_data import CONTEXT, ROWS, assert_rows, dataset, random_rows
from penstock.errors import DataError
from penstock.formats import FORMATS

KIND = "packed_jsonl"
SHARD = "train-00000-of-00001.jsonl"


def test_rows_round_trip(tmp_path: Path) -> None:
    splits = {"train": random_rows(20, 64), "validation": random_rows(3, 64, seed=1)}
    found = dataset(KIND, tmp_path / "notes", splits, context=64, pad_id=9, rows_per_shard=8)
    assert_rows(found, splits, 64, 9)


def test_file_names_identify_the_splits(tmp_path: Path) -> None:
    dataset(KIND, tmp_path / "d", {"train": ROWS, "test": ROWS}, rows_per_shard=2)
    assert sorted(path.name for path in (tmp_path / "d").iterdir()) == [
        "test-00000-of-00002.jsonl",
        "test-00001-of-00002.jsonl",
        "train-00000-of-00002.jsonl",
        "train-00001-of-00002.jsonl",
    ]


def test_a_row_is_one_object_with_its_columns_as_lists(tmp_path: Path) -> None:
    dataset(KIND, tmp_path / "d", columns=["inputs", "inputs_segmentation"])
    first = (tmp_path / "d" / SHARD).read_text().splitlines()[0]
    assert json.loads(first) == {
        "inputs": [5, 6, 7, 8, 9, 0, 0, 0, 0, 0, 0, 0],
        "inputs_segmentation": [1, 1, 1, 2, 2, 0, 0, 0, 0, 0, 0, 0],
    }


def test_a_range_of_rows_is_read_across_shards(tmp_path: Path) -> None:
    rows = random_rows(10, CONTEXT)
    found = dataset(KIND, tmp_path / "d", {"train": rows}, rows_per_shard=3)
    some = list(found.rows("train", 2, 7))
    assert [row.columns["inputs"].tolist() for row in some] == [
        row.columns["inputs"].tolist() for row in list(found.rows("train"))[2:7]
    ]
    assert (some[0].file.name, some[0].number) == ("train-00001-of-00004.jsonl", 1)


def test_datasets_are_found_but_other_json_lines_are_not(
    tmp_path: Path,
) -> None:
    dataset(KIND, tmp_path / "a" / "notes")
    other = tmp_path / "b" / "train-00000-of-00001.jsonl"
    other.parent.mkdir()
    other.write_text('{"inputs": "text", "targets": "text"}\n')
    find = FORMATS.get(KIND).find
    assert find(tmp_path) == find(tmp_path / "a" / "notes") == [tmp_path / "a" / "notes"]
    assert find(tmp_path / "b") == []


Change = Callable[[dict[str, list[int]]], object]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda row: row.update(inputs=[1.5] * CONTEXT), "inputs is not a list of integers"),
        (lambda row: row.update(inputs=[True] * CONTEXT), "inputs is not a list of integers"),
        (lambda row: row.update(inputs=None), "inputs is not a list of integers"),
        (lambda row: row.update(inputs=[]), "inputs is not a list of integers"),
        (lambda row: row.update(inputs=[2**31] * CONTEXT), "a value outside of int32"),
        (lambda row: row["targets"].pop(), "targets has 11 values, not 12 as in the first row"),
        (lambda row: row.pop("targets"), "the columns differ from those of the first row"),
        (lambda row: row.update(labels=[1]), "the columns differ from those of the first row"),
    ],
)
def test_an_invalid_row_is_reported_with_file_and_line(
    tmp_path: Path, change: Change, message: str
) -> None:
    found = dataset(KIND, tmp_path / "d")
    file = tmp_path / "d" / SHARD
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    change(lines[1])
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(DataError, match=message) as refused:
        list(found.rows("train"))
    assert (refused.value.file, refused.value.line) == (file, 2)


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    dataset(KIND, tmp_path / "d", rows_per_shard=1)
    (tmp_path / "d" / "train-00001-of-00003.jsonl").unlink()
    with pytest.raises(DataError, match=r"train-00001-of-00003.jsonl: there is no such file"):
        FORMATS.get(KIND).open(tmp_path / "d")


def test_shards_numbered_from_one_or_of_another_count_are_refused(tmp_path: Path) -> None:
    dataset(KIND, tmp_path / "d", rows_per_shard=1)
    first = tmp_path / "d" / "train-00000-of-00003.jsonl"
    first.rename(tmp_path / "d" / "train-00003-of-00003.jsonl")
    with pytest.raises(DataError, match="numbered from 0"):
        FORMATS.get(KIND).open(tmp_path / "d")
    (tmp_path / "d" / "train-00003-of-00003.jsonl").rename(
        tmp_path / "d" / "train-00000-of-00004.jsonl"
    )
    with pytest.raises(DataError, match="its name counts 3 shards, others count 4"):
        FORMATS.get(KIND).open(tmp_path / "d")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes, list[dict[str, object]]]:
    """A directory with one shard, the shard's bytes and its rows."""
    directory = tmp_path_factory.mktemp("fuzz") / "d"
    found = dataset(KIND, directory, columns=["inputs", "inputs_segmentation"])
    return directory, (directory / SHARD).read_bytes(), _rows(found)


def _rows(found: object) -> list[dict[str, object]]:
    rows = found.rows("train")  # type: ignore[attr-defined]
    return [{name: column.tolist() for name, column in row.columns.items()} for row in rows]


@given(st.data())
def test_a_truncated_file_gives_fewer_complete_rows_or_an_error(
    small: tuple[Path, bytes, list[dict[str, object]]], data: st.DataObject
) -> None:
    directory, content, rows = small
    cut = data.draw(st.integers(0, len(content) - 1))
    (directory / SHARD).write_bytes(content[:cut])
    try:
        read = _rows(FORMATS.get(KIND).open(directory))
    except DataError:
        return
    assert read == rows[: len(read)]


@given(st.data())
def test_a_changed_byte_gives_valid_rows_or_an_error(
    small: tuple[Path, bytes, list[dict[str, object]]], data: st.DataObject
) -> None:
    directory, content, _ = small
    at = data.draw(st.integers(0, len(content) - 1))
    changed = bytearray(content)
    changed[at] ^= 1 << data.draw(st.integers(0, 7))
    (directory / SHARD).write_bytes(changed)
    try:
        read = _rows(FORMATS.get(KIND).open(directory))
    except DataError:
        return
    assert {len(column) for row in read for column in row.values()} == {CONTEXT}  # type: ignore[arg-type]
