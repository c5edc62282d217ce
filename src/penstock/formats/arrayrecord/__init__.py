"""`arrayrecord`: packed rows in ArrayRecord files, with random access for Grain."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from penstock.errors import MissingExtraError
from penstock.formats._base import OutputSpec
from penstock.formats._tfds import ShardFile, TfdsFormat

#: One record per chunk, for random access, as Grain requires.
_OPTIONS = "group_size:1"


class ArrayRecord(TfdsFormat):
    """Packed rows as ArrayRecord (group_size 1, zstd), in the layout of TensorFlow Datasets.

    Writing needs the package `array_record`; reading does not.
    """

    name: ClassVar[str] = "arrayrecord"
    kind: ClassVar[str] = "array_record"
    looks_like: ClassVar[str] = "a directory of NAME-SPLIT.array_record-00000-of-00001 files"

    def verify(self, target: OutputSpec) -> None:
        """Raise ConfigError for an invalid target, MissingExtraError without the library."""
        super().verify(target)
        _writer_class()

    def write_columns(self, file: Path, blocks: Iterable[dict[str, NDArray[np.int32]]]) -> int:
        from penstock.formats._examples import encode_examples

        rows = 0
        with closing(_writer_class()(str(file), _OPTIONS)) as writer:
            for columns in blocks:
                buffer, starts, stops = encode_examples(columns)
                for start, stop in zip(starts.tolist(), stops.tolist(), strict=True):
                    writer.write(buffer[start:stop].tobytes())
                rows += len(starts)
        return rows

    @staticmethod
    def open_shard(path: Path) -> ShardFile:
        from penstock.formats.arrayrecord._file import ArrayRecordFile

        return ArrayRecordFile(path)


def _writer_class() -> Any:
    try:
        from array_record.python.array_record_module import ArrayRecordWriter
    except ImportError:
        raise MissingExtraError("array_record", "arrayrecord", "the format arrayrecord") from None
    return ArrayRecordWriter


FORMAT = ArrayRecord
