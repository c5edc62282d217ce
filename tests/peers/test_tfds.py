"""TensorFlow and TensorFlow Datasets read what penstock writes, and vice versa."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.packed_data import ROWS, Rows, dataset, random_rows, target

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
tf = pytest.importorskip("tensorflow")
tfds = pytest.importorskip("tensorflow_datasets")

from penstock.errors import ConfigError, DataError  # noqa: E402
from penstock.formats import FORMATS, merge  # noqa: E402
from penstock.formats._examples import ExampleReader, encode_examples  # noqa: E402
from penstock.formats.tfrecord import Tfrecord  # noqa: E402

SPLITS: dict[str, Rows] = {"train": random_rows(40, 32), "validation": random_rows(5, 32, seed=1)}
int32s = st.integers(0, 2**31 - 1)
int64s = st.integers(-(2**63), 2**63 - 1)


@pytest.fixture(scope="module", params=["tfrecord", "arrayrecord"])
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A dataset of each kind, opened by penstock."""
    if request.param == "arrayrecord":
        pytest.importorskip("array_record")
    directory = tmp_path_factory.mktemp("tfds") / "notes" / "1.0.0"
    return dataset(request.param, directory, SPLITS, context=32, rows_per_shard=7)


def rows_of(builder: Any, split: str) -> list[dict[str, np.ndarray]]:
    """Return the rows of a builder in the order of their files."""
    if builder.info.file_format.value == "array_record":
        return list(builder.as_data_source(split=split))
    config = tfds.ReadConfig(interleave_cycle_length=1)
    return list(builder.as_dataset(split=split, read_config=config).as_numpy_iterator())


def builders(directory: Path) -> list[Any]:
    """Load a dataset by its path, and by name as MaxText does."""
    data_dir = directory.parent.parent
    return [
        tfds.builder_from_directory(directory),
        tfds.builder(directory.parent.name, data_dir=str(data_dir)),
        tfds.builder(f"{directory.parent.name}:{directory.name}", data_dir=str(data_dir)),
    ]


def assert_equal_rows(theirs: list[dict[str, np.ndarray]], ours: list[Any]) -> None:
    assert len(theirs) == len(ours)
    for one, other in zip(theirs, ours, strict=True):
        assert one.keys() == other.columns.keys()
        for name, column in one.items():
            assert column.dtype == other.columns[name].dtype
            np.testing.assert_array_equal(column, other.columns[name])


def test_tfds_loads_by_path_and_by_name_and_reads_the_same_rows(written: Any) -> None:
    for builder in builders(written.path):
        assert {name: info.num_examples for name, info in builder.info.splits.items()} == {
            "train": 40,
            "validation": 5,
        }
        assert builder.info.splits["train"].num_bytes == written.layout.sizes["train"]
        assert builder.info.features["inputs"].shape == (32,)
        for split in SPLITS:
            assert_equal_rows(rows_of(builder, split), list(written.rows(split)))


def test_merged_datasets_are_loaded_as_one(tmp_path: Path) -> None:
    parts = [tmp_path / name / "1.0.0" for name in ("finetune", "replay")]
    for seed, part in enumerate(parts):
        dataset("tfrecord", part, {"train": random_rows(9, 12, seed=seed)}, rows_per_shard=4)
    output = tmp_path / "notes_replay_combined" / "2.0.0"
    merge(parts, output)
    ours = list(FORMATS.get("tfrecord").open(output).rows("train"))
    for builder in builders(output):
        assert_equal_rows(rows_of(builder, "train"), ours)


@pytest.mark.parametrize("name", ["Notes", "notes_V2", "myNotes"])
def test_names_that_are_refused_are_those_that_tfds_does_not_find(
    tmp_path: Path, name: str
) -> None:
    found = dataset("tfrecord", tmp_path / "notes" / "1.0.0")
    info = (found.path / "dataset_info.json").read_text().replace('"notes"', f'"{name}"')
    (found.path / "dataset_info.json").write_text(info)
    found.path.parent.rename(tmp_path / name)
    with pytest.raises(tfds.core.DatasetNotFoundError):
        tfds.builder(name, data_dir=str(tmp_path))
    with pytest.raises(ConfigError, match="by which TFDS finds a dataset"):
        FORMATS.get("tfrecord")().verify(target(tmp_path / name / "1.0.0", {"train": ROWS}))


def feature(values: list[int]) -> Any:
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def example_of(columns: dict[str, Any]) -> Any:
    features = {name: feature(list(values)) for name, values in columns.items()}
    return tf.train.Example(features=tf.train.Features(feature=features))


@given(st.lists(st.lists(int32s, min_size=5, max_size=5), min_size=1, max_size=4))
def test_protobuf_reads_the_examples_that_are_written(rows: list[list[int]]) -> None:
    columns = {"inputs": np.array(rows, np.int32), "targets": np.array(rows, np.int32)[:, ::-1]}
    columns = {name: np.ascontiguousarray(column) for name, column in columns.items()}
    buffer, starts, stops = encode_examples(columns)
    for number, (start, stop) in enumerate(zip(starts, stops, strict=True)):
        record = buffer[start:stop].tobytes()
        wanted = example_of({name: column[number] for name, column in columns.items()})
        assert tf.train.Example.FromString(record) == wanted
        assert len(record) == len(wanted.SerializeToString())


@given(st.dictionaries(st.text(max_size=20), st.lists(int64s, max_size=9), min_size=1, max_size=4))
def test_the_examples_that_protobuf_writes_are_read(columns: dict[str, list[int]]) -> None:
    found = ExampleReader(list(columns)).read(example_of(columns).SerializeToString())
    assert {name: column.tolist() for name, column in found.items()} == columns


def test_a_dataset_that_tfds_wrote_is_read(tmp_path: Path) -> None:
    names = ("inputs", "targets", "inputs_segmentation")
    tensor = tfds.features.Tensor(shape=(12,), dtype=np.int32)
    directory = tmp_path / "notes" / "1.0.0"
    directory.mkdir(parents=True)
    info = tfds.core.DatasetInfo(
        builder=tfds.core.DatasetIdentity(
            name="notes",
            version=tfds.core.Version("1.0.0"),
            data_dir=str(directory),
            module_name=__name__,
        ),
        features=tfds.features.FeaturesDict(dict.fromkeys(names, tensor)),
    )
    chance = np.random.default_rng(0)
    rows = [{name: chance.integers(0, 2**31, 12, np.int32) for name in names} for _ in range(11)]
    writer = tfds.core.SequentialWriter(info, max_examples_per_shard=4)
    writer.initialize_splits(["train"])
    writer.add_examples({"train": rows})
    writer.close_all()
    format = FORMATS.get("tfrecord")
    assert format.find(tmp_path) == [directory]
    found = list(format.open(directory).rows("train"))
    assert len({row.file for row in found}) == 3
    for row, wanted in zip(found, rows, strict=True):
        for name in names:
            np.testing.assert_array_equal(row.columns[name], wanted[name])


def test_records_that_tensorflow_wrote_are_read(tmp_path: Path) -> None:
    found = dataset("tfrecord", tmp_path / "notes" / "1.0.0", {"train": ROWS})
    rows = list(found.rows("train"))
    file = rows[0].file
    with tf.io.TFRecordWriter(str(file)) as writer:
        for row in rows:
            writer.write(example_of(row.columns).SerializeToString())
    for one, other in zip(
        FORMATS.get("tfrecord").open(found.path).rows("train"), rows, strict=True
    ):
        for name, column in one.columns.items():
            np.testing.assert_array_equal(column, other.columns[name])


@pytest.fixture(scope="module")
def shard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A TFRecord file of three rows, which tests overwrite."""
    found = dataset("tfrecord", tmp_path_factory.mktemp("damage") / "notes" / "1.0.0")
    return next(found.rows("train")).file


@settings(max_examples=30)
@given(st.data())
def test_what_tensorflow_finds_damaged_is_found_damaged(shard: Path, data: st.DataObject) -> None:
    content = bytearray(shard.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    changed = shard.with_name("changed")
    changed.write_bytes(content)
    with pytest.raises(tf.errors.OpError):
        list(tf.data.TFRecordDataset(str(changed)))
    with pytest.raises(DataError):
        everything(changed)


def everything(path: Path) -> list[bytes]:
    file = Tfrecord.open_shard(path)
    return [file.record(index) for index in range(len(file))]
