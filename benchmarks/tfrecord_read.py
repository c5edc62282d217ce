"""Reading packed TFRecord: penstock beside protobuf and tf.data with `parse_single_example`.

All read the same shard of rows x 6 columns x context int32 and verify its checksums; the rows are
compared. CPU time of the process; a raw column counts 4 bytes per value.

    python benchmarks/tfrecord_read.py [--rows 256] [--context 4096] [--rounds 5]
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import numpy as np
import tensorflow as tf
from _packed_rows import VOCABULARY, cpu_seconds, packed_rows
from numpy.typing import NDArray

from penstock.formats import FORMATS, Dataset, OutputSpec, SplitShape

Rows = list[dict[str, NDArray[Any]]]


def write(directory: Path, rows: int, context: int) -> Dataset:
    """Write one shard and open the dataset."""
    block = packed_rows(rows, context)
    format = FORMATS.get("tfrecord")(rows_per_shard=rows)
    directory.mkdir(parents=True)
    shape = SplitShape(rows, len(block.lengths), len(block.ids))
    target = OutputSpec(
        directory, "notes", {"train": shape}, block.ids.dtype, context, 0, VOCABULARY
    )
    written = format.write(directory, format.shards(target)[0], target, [block])
    format.finish(directory, target, written)
    return format.open(directory)


def read_with_protobuf(path: Path, names: list[str]) -> Rows:
    """Read rows with tf.train.Example, record by record."""
    rows = []
    for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
        feature = tf.train.Example.FromString(record).features.feature
        rows.append({n: np.array(feature[n].int64_list.value, np.int32) for n in names})
    return rows


def read_with_tf_data(path: Path, names: list[str], context: int) -> Rows:
    """Read rows as the documentation of TensorFlow shows it."""
    features = {name: tf.io.FixedLenFeature([context], tf.int64) for name in names}

    def parse(record: Any) -> dict[str, Any]:
        parsed = tf.io.parse_single_example(record, features)
        return {name: tf.cast(column, tf.int32) for name, column in parsed.items()}

    return list(tf.data.TFRecordDataset(str(path)).map(parse).as_numpy_iterator())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=256)
    parser.add_argument("--context", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        dataset = write(Path(folder) / "notes" / "1.0.0", options.rows, options.context)
        first = next(iter(dataset.rows("train")))
        names = list(first.columns)
        readers: dict[str, Callable[[], Rows]] = {
            "penstock": lambda: [row.columns for row in dataset.rows("train")],
            "tf.train.Example": lambda: read_with_protobuf(first.file, names),
            "parse_single_example": lambda: read_with_tf_data(first.file, names, options.context),
        }
        expected = readers["penstock"]()
        for read in readers.values():
            for row, other in zip(read(), expected, strict=True):
                assert all((row[name] == other[name]).all() for name in names)
        taken: dict[str, list[float]] = {name: [] for name in readers}
        for _ in range(options.rounds):
            for name, read in readers.items():
                taken[name].append(cpu_seconds(read))
    raw = options.rows * len(names) * options.context * 4 / 1e6
    ours = median(taken["penstock"])
    print(f"{raw:.1f} MB of raw columns, the same {len(expected)} rows from all")
    print(f"{'':24}{'CPU ms':>10}{'MB/s raw':>12}{'ratio':>8}")
    for name, seconds in taken.items():
        its = median(seconds)
        print(f"{name:24}{its * 1e3:10.1f}{raw / its:12.0f}{its / ours:8.1f}")


if __name__ == "__main__":
    main()
