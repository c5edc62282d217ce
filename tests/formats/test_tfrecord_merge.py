"""Merging TFDS datasets by metadata: all rows, in order, without copying."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from helpers.manifests import build_recipe
from helpers.packed_data import ROWS, Rows, assert_rows, dataset, random_rows
from penstock.errors import ConfigError, ConflictError, DataError
from penstock.formats import FORMATS, merge
from penstock.formats._merge import staging_area
from penstock.manifest import FileEntry, Manifest, MergeRecipe, read_manifest

PARTS: dict[str, dict[str, Rows]] = {
    "finetune": {"train": random_rows(7, 12), "validation": ROWS},
    "replay": {"train": random_rows(5, 12, seed=1)},
    "identified": {"train": ROWS, "test": ROWS[:1]},
}
MERGED = {
    "train": [*PARTS["finetune"]["train"], *PARTS["replay"]["train"], *ROWS],
    "validation": ROWS,
    "test": ROWS[:1],
}


def parts_of(root: Path, kind: str = "tfrecord") -> list[Path]:
    """Write the three datasets; return their directories."""
    for name, splits in PARTS.items():
        dataset(kind, root / name / "1.0.0", splits, rows_per_shard=3)
    return [root / name / "1.0.0" for name in PARTS]


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "notes_replay_combined" / "1.0.0"


def with_manifest(directory: Path, tokenizer: str) -> None:
    files = [FileEntry.of(directory, path.name) for path in sorted(directory.iterdir())]
    Manifest(
        format="tfrecord",
        files=files,
        tokenizer={"sha256": tokenizer},
        recipe=build_recipe(),
        inputs=[],
    ).write(directory)


def test_rows_of_all_datasets_are_in_order(tmp_path: Path, output: Path) -> None:
    merge(parts_of(tmp_path), output)
    assert_rows(FORMATS.get("tfrecord").open(output), MERGED, 12, 0)


def test_arrayrecord_is_merged(tmp_path: Path, output: Path) -> None:
    pytest.importorskip("array_record")
    merge(parts_of(tmp_path, "arrayrecord"), output)
    assert_rows(FORMATS.get("arrayrecord").open(output), MERGED, 12, 0)


def test_shards_are_links_with_new_numbers(tmp_path: Path, output: Path) -> None:
    parts = parts_of(tmp_path)
    merge(parts, output)
    shards = sorted(output.glob("*-train.*"))
    assert [path.name for path in shards] == [
        f"notes_replay_combined-train.tfrecord-{index:05d}-of-00006" for index in range(6)
    ]
    assert shards[3].samefile(parts[1] / "replay-train.tfrecord-00000-of-00002")


def test_shards_are_copied_to_another_file_system(tmp_path: Path) -> None:
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system")
    with TemporaryDirectory(dir=memory) as other:
        output = Path(other) / "notes" / "1.0.0"
        merge(parts_of(tmp_path), output)
        assert {path.stat().st_nlink for path in output.iterdir()} == {1}
        assert_rows(FORMATS.get("tfrecord").open(output), MERGED, 12, 0)


def test_metadata_are_summed(tmp_path: Path, output: Path) -> None:
    parts = parts_of(tmp_path)
    merge(parts, output)
    info, *of_parts = (
        json.loads((path / "dataset_info.json").read_text()) for path in (output, *parts)
    )
    assert (info["name"], info["version"]) == ("notes_replay_combined", "1.0.0")
    train = {split["name"]: split for split in info["splits"]}["train"]
    assert train["shardLengths"] == ["2", "2", "3", "2", "3", "3"]
    assert int(train["numBytes"]) == sum(int(i["splits"][0]["numBytes"]) for i in of_parts)


def test_manifest_lists_the_inputs_and_every_file(tmp_path: Path, output: Path) -> None:
    parts = parts_of(tmp_path)
    for part in parts:
        with_manifest(part, "sha256:one")
    merge(parts, output)
    manifest = read_manifest(output)
    assert manifest is not None
    assert manifest.format == "tfrecord"
    assert manifest.counts == {"train.rows": 15, "validation.rows": 3, "test.rows": 1}
    assert manifest.tokenizer == {"sha256": "sha256:one"}
    assert manifest.recipe == MergeRecipe(datasets=[str(part) for part in parts])
    assert {Path(entry.path) for entry in manifest.inputs} == {
        shard for part in parts for shard in part.glob("*.tfrecord-*")
    }
    assert manifest.mismatches(output) == []
    assert {entry.path for entry in manifest.files} == {
        path.name for path in output.iterdir() if path.name != "penstock.json"
    }


def test_datasets_of_different_tokenizers_are_refused(tmp_path: Path, output: Path) -> None:
    parts = parts_of(tmp_path)
    with_manifest(parts[0], "sha256:one")
    with_manifest(parts[1], "sha256:two")
    with pytest.raises(ConfigError, match="has another tokenizer than"):
        merge(parts, output)
    parts[1].joinpath("penstock.json").unlink()
    with pytest.raises(
        ConfigError, match=r"/replay/.*no manifest names its tokenizer, but that of"
    ):
        merge(parts[:2], output)
    assert not output.parent.exists()


def test_datasets_of_another_context_or_other_columns_are_refused(
    tmp_path: Path, output: Path
) -> None:
    one = parts_of(tmp_path)[0]
    dataset("tfrecord", tmp_path / "long" / "1.0.0", context=13)
    with pytest.raises(ConfigError, match="does not have the same lengths or dtypes of columns"):
        merge([one, tmp_path / "long" / "1.0.0"], output)
    dataset("tfrecord", tmp_path / "narrow" / "1.0.0", columns=["inputs"])
    with pytest.raises(ConfigError, match="does not have the same columns"):
        merge([one, tmp_path / "narrow" / "1.0.0"], output)
    assert not output.parent.exists()


def test_a_damaged_dataset_leaves_no_output(tmp_path: Path, output: Path) -> None:
    parts = parts_of(tmp_path)
    next(parts[2].glob("*-test.*")).unlink()
    with pytest.raises(DataError, match="there is no such file"):
        merge(parts, output)
    assert not output.parent.exists()


def test_an_existing_output_is_not_changed(tmp_path: Path, output: Path) -> None:
    output.mkdir(parents=True)
    with pytest.raises(ConflictError, match="exists already"):
        merge(parts_of(tmp_path), output)
    assert list(output.iterdir()) == []


@pytest.mark.parametrize("name", ["combined", "combined/1.0", "9/1.0.0"])
def test_an_output_that_tfds_cannot_find_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"does not end with NAME/x.y.z"):
        merge(parts_of(tmp_path), tmp_path / name)


def test_one_dataset_or_the_same_twice_is_refused(tmp_path: Path, output: Path) -> None:
    parts = parts_of(tmp_path)
    with pytest.raises(ConfigError, match="at least two"):
        merge(parts[:1], output)
    with pytest.raises(ConfigError, match="is named twice"):
        merge([parts[0], parts[0]], output)
    (tmp_path / "link").symlink_to(parts[0])
    with pytest.raises(ConfigError, match="link: is named twice"):
        merge([parts[0], tmp_path / "link"], output)


def test_each_merged_file_keeps_its_split(tmp_path: Path, output: Path) -> None:
    merge(parts_of(tmp_path), output)
    manifest = read_manifest(output)
    assert manifest is not None
    for entry in manifest.files:
        assert entry.split is None or f"-{entry.split}." in entry.path
    assert {entry.split for entry in manifest.files} == {"train", "validation", "test", None}


def test_concurrent_merges_to_one_output_are_refused(tmp_path: Path, output: Path) -> None:
    parts = parts_of(tmp_path)
    with staging_area(output, [output]), pytest.raises(ConflictError, match="another process"):
        merge(parts, output)
    assert list(output.parent.iterdir()) == []
    merge(parts, output)
    assert [path.name for path in output.parent.iterdir()] == ["1.0.0"]
