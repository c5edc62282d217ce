"""Grain's ArrayRecord source and its TFRecord reader read what penstock writes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from helpers.packed_data import dataset, random_rows

grain = pytest.importorskip("grain")
pytest.importorskip("array_record")

from penstock.formats._examples import ExampleReader  # noqa: E402


def test_grain_reads_the_same_rows_in_any_order(tmp_path: Path) -> None:
    found = dataset(
        "arrayrecord",
        tmp_path / "notes" / "1.0.0",
        {"train": random_rows(20, 32)},
        context=32,
        rows_per_shard=6,
    )
    ours = list(found.rows("train"))
    files = list(dict.fromkeys(str(row.file) for row in ours))
    source = grain.sources.ArrayRecordDataSource(files)
    assert len(source) == len(ours)
    reader = ExampleReader(list(ours[0].columns))
    for index in (19, 0, 7, 12, 5):
        for name, column in reader.read(source[index]).items():
            np.testing.assert_array_equal(column, ours[index].columns[name])


def test_grain_reads_the_same_records_from_tfrecord(tmp_path: Path) -> None:
    found = dataset("tfrecord", tmp_path / "notes" / "1.0.0", {"train": random_rows(9, 12)})
    ours = list(found.rows("train"))
    theirs = list(grain.experimental.TFRecordIterDataset(str(ours[0].file)))
    reader = ExampleReader(["inputs"])
    for record, row in zip(theirs, ours, strict=True):
        np.testing.assert_array_equal(reader.read(record)["inputs"], row.columns["inputs"])
