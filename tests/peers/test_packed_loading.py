"""The loaders that keep all packed columns, which stock pipelines drop."""

from __future__ import annotations

import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.packed_data import ROWS, dataset, random_rows
from penstock.errors import ConfigError, DataError
from penstock.formats._packed import COLUMNS
from penstock.loading.packed import PackedGrainSource, packed_tf_dataset

pytest.importorskip("array_record")

COUNT = 30


@pytest.fixture(params=["tfrecord", "arrayrecord"])
def written(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    splits = {"train": random_rows(COUNT, 32), "test": ROWS[:1]}
    return dataset(
        request.param, tmp_path / "notes" / "1.0.0", splits, context=32, rows_per_shard=7
    )


def inputs(written: Any) -> list[list[int]]:
    return [row.columns["inputs"].tolist() for row in written.rows("train")]


def test_every_row_has_all_columns(written: Any) -> None:
    source = PackedGrainSource(written.path)
    assert len(source) == COUNT
    for number, row in enumerate(written.rows("train")):
        found = source[number]
        assert set(found) == set(COLUMNS)
        for name, column in found.items():
            np.testing.assert_array_equal(column, row.columns[name])


def test_a_split_is_chosen_by_name(written: Any) -> None:
    assert len(PackedGrainSource(written.path, "test")) == 1
    with pytest.raises(ConfigError, match="has no split 'tests'; did you mean 'test'"):
        PackedGrainSource(written.path, "tests")


@pytest.mark.parametrize("index", [-1, COUNT])
def test_an_index_outside_of_the_rows_is_an_index_error(written: Any, index: int) -> None:
    with pytest.raises(IndexError, match=f"there is no row {index}; there are 30"):
        PackedGrainSource(written.path)[index]


def test_threads_read_the_same_rows(written: Any) -> None:
    source, wanted = PackedGrainSource(written.path), inputs(written)
    order = np.random.default_rng(0).integers(0, COUNT, 2_000).tolist()
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda index: source[index]["inputs"].tolist(), order))
    assert found == [wanted[index] for index in order]


def test_worker_processes_read_the_same_rows(written: Any) -> None:
    source = PackedGrainSource(written.path)
    source[0]
    with get_context("spawn").Pool(1) as workers:
        found = workers.map(source.__getitem__, range(COUNT))
    assert [row["inputs"].tolist() for row in found] == inputs(written)


def test_an_unpickled_source_reads_the_same_rows(written: Any) -> None:
    source = PackedGrainSource(written.path)
    kept = pickle.dumps(source)
    del source
    assert pickle.loads(kept)[COUNT - 1]["inputs"].tolist() == inputs(written)[-1]


def test_grain_shuffles_and_batches_all_columns(written: Any) -> None:
    grain = pytest.importorskip("grain")
    rows = grain.MapDataset.source(PackedGrainSource(written.path)).shuffle(seed=3).batch(6)
    batches = list(rows)
    assert {name: column.shape for name, column in batches[0].items()} == dict.fromkeys(
        COLUMNS, (6, 32)
    )
    seen = [row for batch in batches for row in batch["inputs"].tolist()]
    assert sorted(seen) == sorted(inputs(written))
    assert seen != inputs(written)


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    found = dataset("tfrecord", tmp_path / "notes" / "1.0.0", {"train": ROWS})
    path = next(found.rows("train")).file
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    source = PackedGrainSource(found.path)
    assert source[0]["inputs"].tolist() == [5, 6, 7, 8, 9, *[0] * 7]
    with pytest.raises(DataError, match="record 3: the checksum does not match the record"):
        source[2]


def test_tensorflow_reads_all_columns_in_order(tmp_path: Path) -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    tf = pytest.importorskip("tensorflow")
    found = dataset(
        "tfrecord",
        tmp_path / "notes" / "1.0.0",
        {"train": random_rows(COUNT, 32)},
        context=32,
        rows_per_shard=7,
    )
    rows = packed_tf_dataset(found.path)
    assert rows.element_spec == {name: tf.TensorSpec((32,), tf.int32) for name in COLUMNS}
    for theirs, ours in zip(rows.as_numpy_iterator(), found.rows("train"), strict=True):
        for name, column in theirs.items():
            np.testing.assert_array_equal(column, ours.columns[name])


def test_tensorflow_is_refused_for_arrayrecord(tmp_path: Path) -> None:
    found = dataset("arrayrecord", tmp_path / "notes" / "1.0.0", {"train": ROWS})
    with pytest.raises(ConfigError, match=r"tf.data reads tfrecord only; use PackedGrainSource"):
        packed_tf_dataset(found.path)


def test_a_directory_without_a_dataset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has no tfrecord or arrayrecord dataset"):
        PackedGrainSource(tmp_path)
