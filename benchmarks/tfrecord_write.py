"""Writing packed TFRecord: penstock beside tf.train.Example with TFRecordWriter.

Both write the same shard of rows x 6 columns x context int32; theirs receives finished columns,
ours produces them from documents. They take turns, and all records are compared. CPU time of the
process; a raw column counts 4 bytes per value.

    python benchmarks/tfrecord_write.py [--rows 256] [--context 4096] [--rounds 5]
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import tensorflow as tf
from _packed_rows import VOCABULARY, cpu_seconds, packed_rows

from penstock.formats import FORMATS, OutputSpec, SplitShape


def write_theirs(path: Path, columns: dict[str, NDArray[np.int32]]) -> None:
    """Write rows as in the documentation of TensorFlow."""
    with tf.io.TFRecordWriter(str(path)) as writer:
        for row in range(len(columns["inputs"])):
            features = {
                name: tf.train.Feature(int64_list=tf.train.Int64List(value=column[row].tolist()))
                for name, column in columns.items()
            }
            example = tf.train.Example(features=tf.train.Features(feature=features))
            writer.write(example.SerializeToString())


def assert_same(ours: Path, theirs: Path) -> None:
    """Assert that two files hold the same Examples."""
    pairs = zip(
        tf.data.TFRecordDataset(str(ours)).as_numpy_iterator(),
        tf.data.TFRecordDataset(str(theirs)).as_numpy_iterator(),
        strict=True,
    )
    for one, other in pairs:
        assert tf.train.Example.FromString(one) == tf.train.Example.FromString(other)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=256)
    parser.add_argument("--context", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    block = packed_rows(options.rows, options.context)
    format = FORMATS.get("tfrecord")(rows_per_shard=options.rows)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "notes" / "1.0.0"
        home.mkdir(parents=True)
        shape = SplitShape(len(block), len(block.lengths), len(block.ids))
        target = OutputSpec(
            home, "notes", {"train": shape}, block.ids.dtype, options.context, 0, VOCABULARY
        )
        shard = format.shards(target)[0]
        ours, theirs = home / shard.path, home / "theirs"

        def write_ours() -> None:
            format.write(home, shard, target, [block])

        write_ours()  # compiles the loops
        format.finish(home, target, [])
        rows = [row.columns for row in format.open(home).rows("train")]
        columns = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
        taken: dict[str, list[float]] = {"penstock": [], "tf.train.Example": []}
        for _ in range(options.rounds):
            taken["penstock"].append(cpu_seconds(write_ours))
            taken["tf.train.Example"].append(cpu_seconds(lambda: write_theirs(theirs, columns)))
        assert_same(ours, theirs)
    raw = sum(column.nbytes for column in columns.values()) / 1e6
    print(f"{raw:.1f} MB of raw columns, the same {len(rows)} Examples from both")
    print(f"{'':20}{'CPU ms':>10}{'MB/s raw':>12}")
    for name, seconds in taken.items():
        print(f"{name:20}{median(seconds) * 1e3:10.1f}{raw / median(seconds):12.0f}")
    print(f"ratio {median(taken['tf.train.Example']) / median(taken['penstock']):.1f}")


if __name__ == "__main__":
    main()
