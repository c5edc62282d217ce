"""Packed rows into Grain and tf.data with every column, which stock pipelines throw away.

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

#: How many files are held open; which rows are read does not depend on it.
_OPEN_FILES = 64


class PackedGrainSource:
    """The rows of one split of a `tfrecord` or `arrayrecord` dataset, by number.

    It is what Grain calls a RandomAccessDataSource, and needs Grain only to be given to it. A row
    is a dict of all its columns, 1-D arrays of int32. Each read proves the record's checksum or
    hash. It can be pickled, and given to worker processes before or after it was read from.

    Raises ConfigError where there is no such dataset or split; reading raises DataError, naming
    file and record.
    """

    def __init__(self, directory: Path | str, split: str = "train") -> None:
        self.directory = Path(directory)
        self.split = split
        self._dataset = _open(self.directory, split)
        self._shards = self._dataset.shards(split)
        #: The number of rows up to and with each shard.
        self._ends = list(accumulate(rows for _, rows in self._shards))
        self._files: OrderedDict[int, ShardFile] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        """Return the number of rows."""
        return self._ends[-1] if self._ends else 0

    def __getitem__(self, index: SupportsIndex) -> dict[str, NDArray[Any]]:
        """Return a row; raises IndexError for a number that is none of a row."""
        number = index.__index__()
        if not 0 <= number < len(self):
            raise IndexError(f"there is no row {number}; there are {len(self):,}")
        shard = bisect_right(self._ends, number)
        path, rows = self._shards[shard]
        within = number - (self._ends[shard] - rows)
        return self._dataset.decode(self._file(shard).record(within), path, within + 1)

    def __repr__(self) -> str:
        """Say what is read: Grain saves it to know a source again when a run goes on."""
        return f"PackedGrainSource(directory={str(self.directory)!r}, split={self.split!r})"

    def __reduce__(self) -> tuple[type[PackedGrainSource], tuple[Path, str]]:
        """Return what another process needs to open the same rows."""
        return PackedGrainSource, (self.directory, self.split)

    def _file(self, shard: int) -> ShardFile:
        """Return a shard, open; one that others hold as well stays open when it is dropped here."""
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

    Rows come in their order, read by TensorFlow; it reads `tfrecord` only. Raises ConfigError where
    there is no such dataset or split, MissingExtraError without TensorFlow.
    """
    path = Path(directory)
    dataset = _open(path, split)
    if dataset.layout.kind != "tfrecord":
        raise ConfigError("tf.data reads tfrecord only; take PackedGrainSource", file=path)
    try:
        import tensorflow as tf
    except ImportError:
        raise MissingExtraError("tensorflow", "tensorflow", "packed_tf_dataset") from None
    features = dataset.layout.features
    wanted = {
        name: tf.io.FixedLenFeature([feature.length], tf.int64)
        if feature.length is not None
        else tf.io.FixedLenSequenceFeature([], tf.int64, allow_missing=True)
        for name, feature in features.items()
    }

    def parse(record: Any) -> dict[str, Any]:
        parsed = tf.io.parse_single_example(record, wanted)
        return {name: tf.cast(parsed[name], feature.dtype) for name, feature in features.items()}

    files = [str(file) for file, _ in dataset.shards(split)]
    return tf.data.TFRecordDataset(files).map(parse, num_parallel_calls=tf.data.AUTOTUNE)


def _open(path: Path, split: str) -> TfdsDataset:
    """Open a dataset of either kind; raises ConfigError where there is none, or not the split."""
    for name in ("tfrecord", "arrayrecord"):
        format = FORMATS.get(name)
        if path in format.find(path):
            dataset: Any = format.open(path)
            if split not in dataset.splits:
                hint = did_you_mean(split, dataset.splits)
                raise ConfigError(f"has no split '{split}'{hint}", file=path)
            return dataset  # type: ignore[no-any-return]
    raise ConfigError("holds no tfrecord or arrayrecord dataset", file=path)
