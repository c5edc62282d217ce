"""The megatron format: file names, splits, finding, opening and reading datasets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from helpers.manifests import build_recipe
from helpers.token_pairs import write_documents, write_flat
from penstock.errors import ConfigError, DataError
from penstock.formats import FORMATS, OutputSpec, RowBlock, SplitShape
from penstock.formats.megatron import FORMAT, IndexedReader
from penstock.manifest import FileEntry, Manifest, describe, manifest_path

IDS = np.arange(10, dtype=np.uint16)
BLOCK = RowBlock(IDS, np.array([3, 0, 4, 3], np.int32), np.array([0, 2, 3, 3, 4]))
SHAPE = SplitShape(rows=4, segments=4, tokens=10)


def target(directory: Path, *splits: str, vocab_size: int | None = 50_257) -> OutputSpec:
    shapes: Mapping[str, SplitShape] = dict.fromkeys(splits or ("train",), SHAPE)
    return OutputSpec(directory, "notes", shapes, np.dtype("u2"), vocab_size=vocab_size)


def write(directory: Path, *splits: str, **options: str) -> list[str]:
    """Write the same four documents to every split; return the names of the files."""
    directory.mkdir(parents=True, exist_ok=True)
    chosen, wanted = FORMAT(**options), target(directory, *splits)
    chosen.verify(wanted)
    for shard in chosen.shards(wanted):
        chosen.write(directory, shard, wanted, [BLOCK])
    return sorted(path.name for path in directory.iterdir())


def test_format_is_registered() -> None:
    assert FORMATS.get("megatron") is FORMAT


def test_only_train_has_megatrons_own_file_names(tmp_path: Path) -> None:
    assert write(tmp_path) == ["notes_text_document.bin", "notes_text_document.idx"]


def test_split_precedes_key_in_file_names(tmp_path: Path) -> None:
    names = write(tmp_path, "train", "validation", prefix="all", key="note_text")
    assert names == [
        f"all_{split}_note_text_document.{suffix}"
        for split in ("train", "validation")
        for suffix in ("bin", "idx")
    ]
    assert FORMAT.open(tmp_path).splits == {"train": 4, "validation": 4}


def test_single_split_other_than_train_is_named(tmp_path: Path) -> None:
    write(tmp_path, "test")
    assert FORMAT.open(tmp_path / "notes_test_text_document").splits == {"test": 4}


def test_rows_are_documents_and_segments_are_sequences(tmp_path: Path) -> None:
    write(tmp_path)
    dataset = FORMAT.open(tmp_path)
    rows = list(dataset.rows("train"))
    assert [row.columns["inputs"].tolist() for row in rows] == [
        [0, 1, 2],
        [3, 4, 5, 6],
        [],
        [7, 8, 9],
    ]
    assert [row.number for row in rows] == [1, 2, 3, 4]
    assert rows[0].file == tmp_path / "notes_text_document.bin"
    assert dataset.readers["train"].lengths.tolist() == [3, 0, 4, 3]
    some = dataset.rows("train", 1, 3)
    assert [row.columns["inputs"].tolist() for row in some] == [[3, 4, 5, 6], []]


@pytest.mark.parametrize(("vocab_size", "dtype"), [(65_499, "u2"), (65_500, "i4"), (None, "u2")])
def test_dtype_is_megatrons_choice(tmp_path: Path, vocab_size: int | None, dtype: str) -> None:
    wanted = target(tmp_path, vocab_size=vocab_size)
    (shard,) = FORMAT().shards(wanted)
    FORMAT().write(tmp_path, shard, wanted, [BLOCK])
    reader = IndexedReader(tmp_path / shard.path)
    assert reader.dtype == dtype
    assert (reader.ids == IDS).all()


def test_padding_and_other_dtypes_are_refused(tmp_path: Path) -> None:
    padded = OutputSpec(tmp_path, "a", {"train": SHAPE}, np.dtype("u2"), context=8, pad_id=0)
    with pytest.raises(ConfigError, match=r"megatron stores no padding.*remove `pad`"):
        FORMAT().verify(padded)
    with pytest.raises(ConfigError, match="no code for uint32"):
        FORMAT().verify(OutputSpec(tmp_path, "a", {"train": SHAPE}, np.dtype("u4")))
    with pytest.raises(ConfigError, match="ids must be integers, not float32"):
        FORMAT().verify(OutputSpec(tmp_path, "a", {"train": SHAPE}, np.dtype("f4")))


@pytest.mark.parametrize(
    ("splits", "options", "implied"),
    [
        (("train", "test"), {"key": "a_validation_b"}, "validation, not train"),
        (("test",), {"key": "a_train_b"}, "train, not test"),
    ],
)
def test_names_that_imply_another_split_are_refused(
    tmp_path: Path, splits: tuple[str, ...], options: dict[str, str], implied: str
) -> None:
    with pytest.raises(
        ConfigError, match=f"implies the split {implied}; choose a prefix and a key"
    ):
        FORMAT(**options).verify(target(tmp_path, *splits))
    FORMAT(**options).verify(target(tmp_path, "train"))  # whose manifest says what it is


@pytest.mark.parametrize(
    "named", ["", "stress_test_text_document", "stress_test_text_document.bin"]
)
def test_manifest_determines_the_split_of_a_pair(tmp_path: Path, named: str) -> None:
    prefix = write_flat(tmp_path / "stress_test_text_document", 3)
    names = [f"{prefix.name}.bin", f"{prefix.name}.idx"]
    assert FORMAT.open(tmp_path / named).splits == {"test": 1}
    Manifest(
        format="megatron",
        files=[FileEntry.of(tmp_path, name, split="train") for name in names],
        recipe=build_recipe(),
        inputs=[],
    ).write(tmp_path)
    assert FORMAT.open(tmp_path / named).splits == {"train": 1}


def test_every_pair_below_a_directory_is_found_in_natural_order(tmp_path: Path) -> None:
    for name in ("part-10/a", "part-9/a", "b_text_document"):
        write_flat(tmp_path / name, 3)
    (tmp_path / "model.bin").write_bytes(b"weights")
    (tmp_path / "pack.idx").write_bytes(b"\xfftOc")
    (tmp_path / "failed_text_document.bin").touch()
    (tmp_path / "alone.idx").write_bytes(b"MMIDIDX\0\0")
    write_flat(tmp_path / ".half.partial" / "a", 3)
    assert [path.relative_to(tmp_path).as_posix() for path in FORMAT.find(tmp_path)] == [
        "alone",
        "b_text_document",
        "failed_text_document",
        "part-9/a",
        "part-10/a",
    ]


@pytest.mark.parametrize("suffix", ["", ".bin", ".idx"])
def test_a_prefix_or_either_file_names_a_pair(tmp_path: Path, suffix: str) -> None:
    prefix = write_flat(tmp_path / "v1.5_text_document", 3)
    path = prefix.with_name(prefix.name + suffix)
    assert FORMAT.find(path) == [prefix]
    assert FORMAT.open(path).splits == {"train": 1}
    assert FORMAT.find(tmp_path / "other") == []


def test_a_dataset_with_a_manifest_is_found_as_one(tmp_path: Path) -> None:
    directory = tmp_path / "notes"
    describe(directory, write(directory, "train", "test"), format="megatron", task=None).write(
        directory
    )
    assert FORMAT.find(tmp_path) == [directory]
    assert FORMAT.open(directory).splits == {"train": 4, "test": 4}


def test_files_with_a_prefix_and_a_manifest_are_one_dataset(tmp_path: Path) -> None:
    names = write(tmp_path, "train", "test")
    write_flat(tmp_path / "other", 3)
    manifest = describe(tmp_path, names, format="megatron", task=None)
    manifest_path(tmp_path / "notes").write_bytes(manifest.to_json())
    assert FORMAT.find(tmp_path) == [tmp_path / "notes", tmp_path / "other"]
    assert FORMAT.find(tmp_path / "notes") == [tmp_path / "notes"]
    assert FORMAT.open(tmp_path / "notes").splits == {"train": 4, "test": 4}


def test_errors_of_opening_name_the_fix(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no pair of \.bin and \.idx"):
        FORMAT.open(tmp_path)
    write_flat(tmp_path / "a", 3)
    write_flat(tmp_path / "b", 3)
    with pytest.raises(DataError, match="a and b both have the split train; name one"):
        FORMAT.open(tmp_path)
    with pytest.raises(DataError, match=r"no such directory and no c\.bin"):
        FORMAT.open(tmp_path / "c")
    prefix = write_documents(tmp_path / "c", [[[1, 2, 3]], [[4]]])
    prefix.with_suffix(".bin").write_bytes(b"\0\0")
    with pytest.raises(DataError, match=r"c\.bin: has 2 bytes, not 8; it is truncated"):
        FORMAT.open(prefix)
