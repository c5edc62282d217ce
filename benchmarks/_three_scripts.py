"""Three hand-written scripts that convert cohort JSON to TFRecord, as a baseline.

    _three_scripts.py pack COHORTS TOKENIZER PACKED CONTEXT   JSON to packed rows in JSON Lines
    _three_scripts.py convert PACKED RECORDS                  JSON Lines to TFRecord
    _three_scripts.py describe RECORDS DATASET CONTEXT        names and metadata for TFDS

The first loads a cohort, adds the metadata before each text, encodes note by note, splits and packs
in order, and pads, with two processes. The second writes tf.train.Example. The third renames the
shards and writes the two JSON files of TFDS.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from multiprocessing import Pool
from pathlib import Path
from typing import Any

ROWS_PER_SHARD = 256
COLUMNS = (
    "inputs",
    "targets",
    "inputs_position",
    "targets_position",
    "inputs_segmentation",
    "targets_segmentation",
)


class Row:
    """A packed row under construction."""

    def __init__(self) -> None:
        self.columns: dict[str, list[int]] = {name: [] for name in COLUMNS}
        self.segment = 0

    def add(self, ids: list[int]) -> None:
        self.segment += 1
        columns = self.columns
        columns["inputs"] += ids
        columns["targets"] += [*ids[1:], 0]
        for side in ("inputs", "targets"):
            columns[f"{side}_position"] += range(len(ids))
        columns["inputs_segmentation"] += [self.segment] * len(ids)
        columns["targets_segmentation"] += [self.segment] * (len(ids) - 1) + [0]

    def padded(self, context: int) -> dict[str, list[int]]:
        return {name: ids + [0] * (context - len(ids)) for name, ids in self.columns.items()}


def pack_one(arguments: tuple[str, str, str, int]) -> None:
    from tokenizers import Tokenizer

    cohort, tokenizer_file, out, context = arguments
    tokenizer = Tokenizer.from_file(tokenizer_file)
    eod = tokenizer.token_to_id("<|endoftext|>")
    row = Row()
    with Path(cohort).open() as stream, Path(out).open("w") as packed:
        for patient in json.load(stream)["patients"]:
            for note in patient["notes"]:
                text = (
                    f"Type: {note['note_type']}\nDate: {note['note_date']}\n\n{note['note_text']}"
                )
                ids = [*tokenizer.encode(text).ids, eod]
                for start in range(0, len(ids), context):
                    chunk = ids[start : start + context]
                    if len(row.columns["inputs"]) + len(chunk) > context:
                        packed.write(json.dumps(row.padded(context)) + "\n")
                        row = Row()
                    row.add(chunk)
        packed.write(json.dumps(row.padded(context)) + "\n")


def pack(cohorts: str, tokenizer: str, packed: str, context: str) -> None:
    Path(packed).mkdir()
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    work = [
        (str(path), f"{tokenizer}/tokenizer.json", f"{packed}/{path.stem}.jsonl", int(context))
        for path in sorted(Path(cohorts).glob("*.json"))
    ]
    with Pool(2) as pool:
        pool.map(pack_one, work, chunksize=1)


def convert(packed: str, records: str) -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    Path(records).mkdir()
    for source in sorted(Path(packed).glob("*.jsonl")):
        lines = source.read_text().splitlines()
        for shard in range(0, len(lines), ROWS_PER_SHARD):
            name = f"{records}/{source.stem}_{shard // ROWS_PER_SHARD}.tfrecord"
            with tf.io.TFRecordWriter(name) as writer:
                for line in lines[shard : shard + ROWS_PER_SHARD]:
                    features = {
                        name: tf.train.Feature(int64_list=tf.train.Int64List(value=values))
                        for name, values in json.loads(line).items()
                    }
                    example = tf.train.Example(features=tf.train.Features(feature=features))
                    writer.write(example.SerializeToString())


def describe(records: str, dataset: str, context: str) -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    home = Path(dataset)
    home.mkdir(parents=True)
    files = sorted(Path(records).iterdir())
    lengths, size = [], 0
    for index, path in enumerate(files):
        lengths.append(str(sum(1 for _ in tf.data.TFRecordDataset(str(path)))))
        size += path.stat().st_size
        shutil.move(path, home / f"notes-train.tfrecord-{index:05d}-of-{len(files):05d}")
    split = {"name": "train", "shardLengths": lengths, "numBytes": str(size)}
    info = {"name": "notes", "version": "1.0.0", "fileFormat": "tfrecord", "splits": [split]}
    (home / "dataset_info.json").write_text(json.dumps(info))
    names = "tensorflow_datasets.core.features"
    tensor: dict[str, Any] = {
        "pythonClassName": f"{names}.tensor_feature.Tensor",
        "tensor": {"shape": {"dimensions": [context]}, "dtype": "int32", "encoding": "none"},
    }
    features = {
        "pythonClassName": f"{names}.features_dict.FeaturesDict",
        "featuresDict": {"features": dict.fromkeys(COLUMNS, tensor)},
    }
    (home / "features.json").write_text(json.dumps(features))


if __name__ == "__main__":
    {"pack": pack, "convert": convert, "describe": describe}[sys.argv[1]](*sys.argv[2:])
