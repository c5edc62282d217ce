"""`tfrecord`: files, metadata, and the errors for damaged ones."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.packed_data import CONTEXT, ROWS, assert_rows, dataset, random_rows, target
from penstock.errors import ConfigError, DataError
from penstock.formats import FORMATS, Dataset

KIND = "tfrecord"
SHARD = "notes-train.tfrecord-00000-of-00001"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "notes" / "1.0.0"


def tokens(found: Dataset) -> list[dict[str, list[int]]]:
    return [
        {name: column.tolist() for name, column in row.columns.items()}
        for row in found.rows("train")
    ]


def test_rows_round_trip(home: Path) -> None:
    splits = {
        "train": random_rows(20, 64),
        "validation": random_rows(3, 64, seed=1),
        "test": random_rows(1, 64, seed=2),
    }
    found = dataset(KIND, home, splits, context=64, pad_id=9, rows_per_shard=8)
    assert_rows(found, splits, 64, 9)


def test_shards_and_metadata_follow_tfds(home: Path) -> None:
    dataset(KIND, home, {"train": ROWS, "validation": ROWS[:1]}, rows_per_shard=2)
    assert sorted(path.name for path in home.iterdir()) == [
        "dataset_info.json",
        "features.json",
        "notes-train.tfrecord-00000-of-00002",
        "notes-train.tfrecord-00001-of-00002",
        "notes-validation.tfrecord-00000-of-00001",
    ]
    sizes = [path.stat().st_size for path in sorted(home.glob("*train*"))]
    info = json.loads((home / "dataset_info.json").read_text())
    assert {key: info[key] for key in ("name", "version", "fileFormat")} == {
        "name": "notes",
        "version": "1.0.0",
        "fileFormat": "tfrecord",
    }
    assert info["splits"][0] == {
        "name": "train",
        "shardLengths": ["1", "2"],
        "numBytes": str(sum(sizes) - 16 * len(ROWS)),
    }


def test_name_and_version_come_from_the_directory(tmp_path: Path) -> None:
    dataset(KIND, tmp_path / "other_notes" / "2.10.3")
    info = json.loads((tmp_path / "other_notes/2.10.3/dataset_info.json").read_text())
    assert (info["name"], info["version"]) == ("other_notes", "2.10.3")
    assert (tmp_path / "other_notes/2.10.3/other_notes-train.tfrecord-00000-of-00001").exists()


@pytest.mark.parametrize(
    ("directory", "fix"),
    [
        ("datasets/notes", "write 'datasets/notes/1.0.0'"),
        ("datasets/notes/1.0", "write 'datasets/NAME/1.0.0'"),
        ("datasets/my-notes/1.0.0", "write 'datasets/NAME/1.0.0'"),
        ("datasets/9notes/1.0.0", "write 'datasets/NAME/1.0.0'"),
        ("datasets/Notes/1.0.0", "write 'datasets/NAME/1.0.0'"),
    ],
)
def test_a_directory_that_tfds_cannot_find_by_name_is_refused_with_a_fix(
    directory: str, fix: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        FORMATS.get(KIND)().verify(target(Path(directory), {"train": ROWS}))
    assert fix in str(refused.value)
    assert refused.value.field == "output"


def test_a_range_of_rows_is_read_across_shards(home: Path) -> None:
    found = dataset(KIND, home, {"train": random_rows(10, CONTEXT)}, rows_per_shard=3)
    some = list(found.rows("train", 2, 7))
    everything = tokens(found)
    assert [row.columns["inputs"].tolist() for row in some] == [
        row["inputs"] for row in everything[2:7]
    ]
    assert (some[0].file.name, some[0].number) == ("notes-train.tfrecord-00001-of-00004", 1)
    assert list(found.rows("train", 10)) == list(found.rows("train", 3, 3)) == []


def test_datasets_are_found_by_their_files_or_their_metadata(tmp_path: Path, home: Path) -> None:
    dataset(KIND, home)
    without_metadata = tmp_path / "b"
    without_metadata.mkdir()
    (without_metadata / SHARD).write_bytes(b"")
    without_shards = tmp_path / "c"
    without_shards.mkdir()
    for name in ("dataset_info.json", "features.json"):
        (without_shards / name).write_bytes((home / name).read_bytes())
    chat = tmp_path / "chat"
    chat.mkdir()
    (chat / "dataset_info.json").write_text('{"paraphrase": {"file_name": "p.json"}}')
    assert FORMATS.get(KIND).find(tmp_path) == [without_metadata, without_shards, home]
    assert FORMATS.get("arrayrecord").find(tmp_path) == []


def test_a_row_without_documents_is_all_padding(home: Path) -> None:
    found = dataset(KIND, home, {"train": [[], [[5]]]}, pad_id=3)
    assert tokens(found)[0]["inputs"] == [3] * CONTEXT
    assert set(tokens(found)[0]["inputs_segmentation"]) == {0}


def renamed(home: Path, new: str) -> None:
    (home / SHARD).rename(home / new)


@pytest.mark.parametrize(
    "new",
    [
        "notes-train.tfrecord-00001-of-00001",
        "note-train.tfrecord-00000-of-00001",
        "notes-train.tfrecord-00000-of-00002",
        "notes-train.array_record-00000-of-00001",
    ],
)
def test_a_shard_with_another_number_or_name_is_refused(home: Path, new: str) -> None:
    dataset(KIND, home)
    renamed(home, new)
    with pytest.raises(DataError) as refused:
        FORMATS.get(KIND).open(home)
    assert refused.value.file == home / SHARD
    assert "numbered from 0" in str(refused.value)
    assert f"did you mean '{new}'?" in str(refused.value)


def test_an_unlisted_shard_is_refused(home: Path) -> None:
    dataset(KIND, home)
    (home / "notes-train.tfrecord-00001-of-00002").write_bytes(b"")
    with pytest.raises(
        DataError, match=r"00001-of-00002: is not a shard that dataset_info.json lists"
    ):
        FORMATS.get(KIND).open(home)


def change_json(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def test_a_wrong_number_of_rows_is_refused(home: Path) -> None:
    dataset(KIND, home)
    change_json(
        home / "dataset_info.json", lambda info: info["splits"][0].update(shardLengths=["4"])
    )
    with pytest.raises(DataError, match=r"has 3 records, not the 4 of dataset_info.json"):
        tokens(FORMATS.get(KIND).open(home))


def test_a_row_of_another_length_than_the_shape_is_refused(home: Path) -> None:
    dataset(KIND, home)

    def longer(features: dict[str, Any]) -> None:
        tensor = features["featuresDict"]["features"]["targets"]["tensor"]
        tensor["shape"]["dimensions"] = ["13"]

    change_json(home / "features.json", longer)
    with pytest.raises(DataError, match="record 1: the column 'targets' has 12 values, not the 13"):
        tokens(FORMATS.get(KIND).open(home))


def test_a_column_missing_in_the_records_is_refused(home: Path) -> None:
    dataset(KIND, home)

    def more(features: dict[str, Any]) -> None:
        inner = features["featuresDict"]["features"]
        inner["labels"] = inner["targets"]

    change_json(home / "features.json", more)
    with pytest.raises(DataError, match="record 1 has no column 'labels'"):
        tokens(FORMATS.get(KIND).open(home))


def test_a_stored_value_outside_of_int32_is_refused(home: Path) -> None:
    import numpy as np

    from penstock.formats._examples import encode_examples
    from penstock.formats.tfrecord import frame

    dataset(KIND, home, {"train": [[[1]]]}, context=1, columns=["inputs"])
    buffer, starts, stops = encode_examples(
        {"inputs": np.array([[2**28]], np.int32)}, before=12, after=4
    )
    at = int(stops[0]) - 5
    assert buffer[at : at + 5].tolist() == [0x80, 0x80, 0x80, 0x80, 1]
    buffer[at + 4] = 8  # 2^31
    frame(buffer, starts, stops)
    (home / SHARD).write_bytes(buffer)
    with pytest.raises(DataError, match="the column 'inputs' has a value outside of int32"):
        tokens(FORMATS.get(KIND).open(home))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("dataset_info.json", "{", "not JSON"),
        ("dataset_info.json", "[]", "is not a JSON object"),
        ("dataset_info.json", "{}", "'name' is missing"),
        ("dataset_info.json", '{"name": "notes", "version": "1.0"}', "'1.0' is not of the form"),
        ("dataset_info.json", '{"name": "notes", "version": "1.0.0"}', "has no splits"),
        (
            "dataset_info.json",
            '{"name": "notes", "version": "1.0.0", "splits": [{"name": "train"}]}',
            "the split 'train': shardLengths",
        ),
        ("features.json", "{}", "has no featuresDict"),
        ("features.json", '{"featuresDict": {"features": {"a": 1}}}', "'a' is not a tensor"),
    ],
)
def test_metadata_that_tfds_cannot_load_is_refused(
    home: Path, name: str, content: str, message: str
) -> None:
    dataset(KIND, home)
    (home / name).write_text(content)
    with pytest.raises(DataError, match=message) as refused:
        FORMATS.get(KIND).open(home)
    assert refused.value.file == home / name


@pytest.mark.parametrize("name", ["dataset_info.json", "features.json"])
def test_missing_metadata_is_named(home: Path, name: str) -> None:
    dataset(KIND, home)
    (home / name).unlink()
    with pytest.raises(DataError, match=f"{name}: there is no such file; TFDS needs it"):
        FORMATS.get(KIND).open(home)


@pytest.mark.parametrize(
    ("at", "message"),
    [
        (0, "record 1: the checksum does not match the size"),
        (9, "record 1: the checksum does not match the size"),
        (40, "record 1: the checksum does not match the record"),
        (-1, "record 3: the checksum does not match the record"),
    ],
)
def test_a_changed_byte_is_reported_with_file_and_record(home: Path, at: int, message: str) -> None:
    dataset(KIND, home)
    content = bytearray((home / SHARD).read_bytes())
    content[at] ^= 1
    (home / SHARD).write_bytes(content)
    with pytest.raises(DataError, match=f"{SHARD}: {message}"):
        tokens(FORMATS.get(KIND).open(home))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    """A dataset with one shard, and the shard's bytes."""
    directory = tmp_path_factory.mktemp("fuzz") / "notes" / "1.0.0"
    dataset(KIND, directory)
    return directory, (directory / SHARD).read_bytes()


@given(st.data())
def test_every_changed_byte_is_detected(small: tuple[Path, bytes], data: st.DataObject) -> None:
    directory, content = small
    changed = bytearray(content)
    changed[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    (directory / SHARD).write_bytes(changed)
    with pytest.raises(DataError):
        tokens(FORMATS.get(KIND).open(directory))


@given(st.data())
def test_every_truncated_file_is_detected(small: tuple[Path, bytes], data: st.DataObject) -> None:
    directory, content = small
    (directory / SHARD).write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    with pytest.raises(DataError):
        tokens(FORMATS.get(KIND).open(directory))


def test_a_size_beyond_the_end_is_detected(home: Path) -> None:
    from penstock.formats.tfrecord import masked_crc

    dataset(KIND, home)
    size = struct.pack("<Q", 2**62)
    (home / SHARD).write_bytes(size + struct.pack("<I", masked_crc(size)) + b"more")
    with pytest.raises(DataError, match="is cut off in record 1"):
        tokens(FORMATS.get(KIND).open(home))


def test_a_dataset_of_the_other_file_format_is_refused(home: Path) -> None:
    dataset(KIND, home)
    with pytest.raises(DataError, match="fileFormat is 'tfrecord', not 'array_record'"):
        FORMATS.get("arrayrecord").open(home)
