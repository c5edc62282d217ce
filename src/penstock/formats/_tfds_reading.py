"""Read a dataset of TFDS's layout whose records are tf.train.Example, without TensorFlow."""

from __future__ import annotations

import os
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from penstock.errors import DataError
from penstock.formats._base import Dataset, TokenRow
from penstock.formats._tfds import INFO_NAME, Layout, check_files, read_layout


class ShardFile(ABC):
    """A file of records, open for random access from any thread.

    Every record is proved when it is read. The file is given back by `close`, or with the last
    reference. Raises DataError for a file that cannot be opened.
    """

    #: The bytes of all records together, without what the file puts around them.
    size: int

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.descriptor = os.open(path, os.O_RDONLY)
        except OSError as error:
            raise DataError(f"cannot be read: {error.strerror}", file=path) from None
        self.close = weakref.finalize(self, os.close, self.descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of records."""

    @abstractmethod
    def record(self, index: int) -> bytes:
        """Return a record, from 0; raises DataError, which counts from 1, for a damaged one."""


class TfdsDataset(Dataset):
    """A dataset of TFDS's layout: `layout` is what its JSON files say.

    Raises DataError where the files are not those that the JSON files name.
    """

    def __init__(self, path: Path, open_shard: Callable[[Path], ShardFile]) -> None:
        from penstock.formats._examples import ExampleReader

        self.path = path
        self.layout: Layout = read_layout(path)
        check_files(path, self.layout)
        self.splits = {split: sum(rows) for split, rows in self.layout.shards.items()}
        self._open_shard = open_shard
        self._reader = ExampleReader(list(self.layout.features))

    def shards(self, split: str) -> list[tuple[Path, int]]:
        """Return the file and the number of rows of each shard of a split."""
        return [
            (self.path / self.layout.file_name(split, index), rows)
            for index, rows in enumerate(self.layout.shards[split])
        ]

    def rows(self, split: str, start: int = 0, stop: int | None = None) -> Iterator[TokenRow]:
        """Yield the rows of a split; `number` is that of the record in its file, from 1."""
        before = 0
        stop = self.splits[split] if stop is None else min(stop, self.splits[split])
        for path, count in self.shards(split):
            begin, end = max(start - before, 0), min(stop - before, count)
            before += count
            if begin >= end:
                continue
            with self.open_shard(path, count) as shard:
                for index in range(begin, end):
                    columns = self.decode(shard.record(index), path, index + 1)
                    yield TokenRow(columns, path, index + 1)

    def open_shard(self, path: Path, rows: int) -> ShardFile:
        """Open a shard; raises DataError when it does not have the number of rows it should."""
        shard = self._open_shard(path)
        if len(shard) != rows:
            found = len(shard)
            shard.close()
            raise DataError(f"has {found:,} records, not the {rows:,} of {INFO_NAME}", file=path)
        return shard

    def decode(self, record: bytes, file: Path, number: int) -> dict[str, NDArray[Any]]:
        """Return the columns of a record; raises DataError for what features.json does not say."""
        from penstock.formats._examples import ExampleError

        try:
            found = self._reader.read(record)
        except ExampleError as error:
            raise DataError(f"record {number} {error}", file=file) from None
        columns: dict[str, NDArray[Any]] = {}
        for name, feature in self.layout.features.items():
            values = found[name]
            if feature.length not in (None, len(values)):
                raise DataError(
                    f"record {number}: the column '{name}' has {len(values):,} values, "
                    f"not the {feature.length:,} of features.json",
                    file=file,
                )
            columns[name] = values.astype(feature.dtype, copy=False)
            if not np.array_equal(columns[name], values):
                raise DataError(
                    f"record {number}: the column '{name}' has a value that is not in an int32; "
                    "TensorFlow would wrap it without a word",
                    file=file,
                )
        return columns
