"""Packed rows for Grain and tf.data with all columns, some of which stock pipelines drop.

import grain
source = PackedGrainSource("datasets/notes/1.0.0", "train")
rows = grain.MapDataset.source(source).shuffle(seed=0).batch(8)

rows = packed_tf_dataset("datasets/notes/1.0.0", "train").batch(8)
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from itertools import accumulate
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, SupportsIndex

from numpy.typing import NDArray

from penstock.errors import ConfigError, MissingExtraError, did_you_mean
from penstock.formats import FORMATS

if TYPE_CHECKING:
    from penstock.formats import ShardFile, TfdsDataset

#: The maximum number of open files.
_OPEN_FILES = 64


class PackedGrainSource:
    """Random access to the rows of one split of a `tfrecord` or `arrayrecord` dataset.

    It implements Grain's RandomAccessDataSource without importing Grain. A row is a dict of all
    columns, 1-D arrays of int32. Each read verifies the record's checksum or hash. The source can
    be pickled and given to worker processes, before or after it has been read from.

    Raises ConfigError if there is no such dataset or split; reading raises DataError with file and
    record.
    """

    def __init__(self, directory: Path | str, split: str = "train") -> None:
        self.directory = Path(directory)
        self.split = split
        self._dataset = _open(self.directory, split)
        self._shards = self._dataset.shards(split)
        #: The cumulative number of rows after each shard.
        self._ends = list(accumulate(rows for _, rows in self._shards))
        self._files: OrderedDict[int, ShardFile] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        """Return the number of rows."""
        return self._ends[-1] if self._ends else 0

    def __getitem__(self, index: SupportsIndex) -> dict[str, NDArray[Any]]:
        """Return a row; raises IndexError for a number out of range."""
        number = index.__index__()
        if not 0 <= number < len(self):
            raise IndexError(f"there is no row {number}; there are {len(self):,}")
        shard = bisect_right(self._ends, number)
        path, rows = self._shards[shard]
        record = number - (self._ends[shard] - rows)
        return self._dataset.decode(self._file(shard).record(record), path, record + 1)

    def __repr__(self) -> str:
        """Return directory and split: Grain saves it to identify a source when it resumes."""
        return f"PackedGrainSource(directory={str(self.directory)!r}, split={self.split!r})"

    def __reduce__(self) -> tuple[type[PackedGrainSource], tuple[Path, str]]:
        return PackedGrainSource, (self.directory, self.split)

    def _file(self, shard: int) -> ShardFile:
        """Return a shard, open; a file dropped from the cache stays open while others use it."""
        with self._lock:
            file = self._files.pop(shard, None)
            if file is None:
                file = self._dataset.open_shard(*self._shards[shard])
            self._files[shard] = file
            if len(self._files) > _OPEN_FILES:
                self._files.popitem(last=False)
            return file


def packed_tf_dataset(directory: Path | str, split: str = "train") -> Any:
    """Return a tf.data.Dataset of one split with all columns: dicts of int32 tensors, (context,).

    Rows are in order and read by TensorFlow, which supports `tfrecord` only. Raises ConfigError if
    there is no such dataset or split, MissingExtraError without TensorFlow.
    """
    path = Path(directory)
    dataset = _open(path, split)
    if dataset.layout.kind != "tfrecord":
        raise ConfigError("tf.data reads tfrecord only; use PackedGrainSource", file=path)
    try:
        import tensorflow as tf
    except ImportError:
        raise MissingExtraError("tensorflow", "tensorflow", "packed_tf_dataset") from None
    features = dataset.layout.features
    columns = {
        name: tf.io.FixedLenFeature([feature.length], tf.int64)
        if feature.length is not None
        else tf.io.FixedLenSequenceFeature([], tf.int64, allow_missing=True)
        for name, feature in features.items()
    }

    def parse(record: Any) -> dict[str, Any]:
        parsed = tf.io.parse_single_example(record, columns)
        return {name: tf.cast(parsed[name], feature.dtype) for name, feature in features.items()}

    files = [str(file) for file, _ in dataset.shards(split)]
    return tf.data.TFRecordDataset(files).map(parse, num_parallel_calls=tf.data.AUTOTUNE)


def _open(path: Path, split: str) -> TfdsDataset:
    for name in ("tfrecord", "arrayrecord"):
        format = FORMATS.get(name)
        if path in format.find(path):
            dataset: Any = format.open(path)
            if split not in dataset.splits:
                hint = did_you_mean(split, dataset.splits)
                raise ConfigError(f"has no split '{split}'{hint}", file=path)
            return dataset  # type: ignore[no-any-return]
    raise ConfigError("has no tfrecord or arrayrecord dataset", file=path)
