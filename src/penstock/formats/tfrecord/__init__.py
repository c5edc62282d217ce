"""`tfrecord`: packed rows in TFRecord files that TensorFlow Datasets loads by name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar

from penstock.files import staged_file
from penstock.formats._base import OutputSpec, RowBlock, Shard, Written
from penstock.formats._tfds import INFO_NAME, VERSION, Layout, missing_and_strange, read_layout
from penstock.formats._tfds_format import TfdsFormat
from penstock.formats._tfds_merging import merge
from penstock.formats._tfds_reading import ShardFile, TfdsDataset

__all__ = [
    "FORMAT",
    "INFO_NAME",
    "VERSION",
    "Layout",
    "ShardFile",
    "TfdsDataset",
    "TfdsFormat",
    "Tfrecord",
    "merge",
    "missing_and_strange",
    "read_layout",
]


class Tfrecord(TfdsFormat):
    """Packed rows as TFRecord, in the layout of TensorFlow Datasets; TensorFlow is not needed."""

    name: ClassVar[str] = "tfrecord"
    kind: ClassVar[str] = "tfrecord"
    looks_like: ClassVar[str] = "a directory of NAME-SPLIT.tfrecord-00000-of-00001 files"

    def write(
        self, directory: Path, shard: Shard, target: OutputSpec, blocks: Iterable[RowBlock]
    ) -> Sequence[Written]:
        """Write one shard; raises DataError for an id or a row that does not fit."""
        from penstock.formats._examples import encode_examples
        from penstock.formats.tfrecord._records import FOOTER, HEADER, frame

        path, rows = directory / shard.path, 0
        with staged_file(path) as staging, staging.open("wb") as out:
            for columns in self.column_blocks(path, target, blocks):
                buffer, starts, stops = encode_examples(columns, before=HEADER, after=FOOTER)
                frame(buffer, starts, stops)
                out.write(buffer.data)
                rows += len(starts)
        return [Written(shard.path, rows)]

    @staticmethod
    def open_shard(path: Path) -> ShardFile:
        """Open one TFRecord file."""
        from penstock.formats.tfrecord._records import TfrecordFile

        return TfrecordFile(path)


FORMAT = Tfrecord
