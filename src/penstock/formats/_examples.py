"""Rows of integers as tf.train.Example, written and read without TensorFlow.

The columns of an Example are written in alphabetical order, so that equal rows have equal bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.protobuf import varint_sizes, write_varint
from penstock.kernels.tf_examples import MISSING, OTHER_KIND, read_columns, write_column

#: The smallest values whose varints take 2, 3, 4 and 5 bytes.
_VARINT_LIMITS = np.array([1 << 7, 1 << 14, 1 << 21, 1 << 28])
_PROBLEMS = {
    MISSING: "has no column '{name}'",
    OTHER_KIND: "has no integers in the column '{name}'",
}


class ExampleError(ValueError):
    """A record that is not an Example with the wanted columns; the message follows `record 3`."""


def encode_examples(
    columns: Mapping[str, NDArray[np.int32]], *, before: int = 0, after: int = 0
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]:
    """Encode one row or more, given as columns of shape (rows, values) without negative values.

    Returns a buffer (uint8) and the start and stop of each row's Example in it; `before` and
    `after` bytes are left free on each side of every Example.
    """
    names = sorted(columns)
    nested = {name: _nested_sizes(name, columns[name]) for name in names}
    entries = np.stack([1 + _varint_size(n[:, 0]) + n[:, 0] for n in nested.values()])
    features = entries.sum(axis=0)
    heads = 1 + _varint_size(features)
    sizes = heads + features
    stops = np.cumsum(before + sizes + after) - after
    starts = stops - sizes
    buffer = np.empty(int(stops[-1]) + after, np.uint8)
    entry_starts = starts + heads + np.cumsum(entries, axis=0) - entries
    for name, begins in zip(names, entry_starts, strict=True):
        key = np.frombuffer(name.encode(), np.uint8)
        write_column(buffer, begins, key, columns[name], nested[name])
    for start, size in zip(starts.tolist(), features.tolist(), strict=True):
        buffer[start] = 0x0A
        write_varint(buffer, start + 1, size)
    return buffer, starts, stops


def _nested_sizes(name: str, values: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return the sizes of entry, Feature, Int64List and values: one line per row."""
    payload = np.empty(len(values), np.int64)
    varint_sizes(values, payload)
    integers = 1 + _varint_size(payload) + payload
    feature = 1 + _varint_size(integers) + integers
    key = len(name.encode())
    head = 1 + int(_varint_size(np.array(key))) + key
    entry = head + 1 + _varint_size(feature) + feature
    return np.stack([entry, feature, integers, payload], axis=1)


def _varint_size(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the size of each value, below 2^35, as a varint."""
    return np.searchsorted(_VARINT_LIMITS, values, side="right") + 1


class ExampleReader:
    """Reads integer columns of Examples, from any thread."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = list(names)
        encoded = [name.encode() for name in names]
        self._bytes = np.frombuffer(b"".join(encoded), np.uint8)
        self._bounds = np.cumsum([0, *map(len, encoded)])

    def read(self, record: bytes) -> dict[str, NDArray[np.int64]]:
        """Return the columns of a record, each int64 and 1-D: views of one array.

        Raises ExampleError if the record is not an Example, or a column is missing or has no
        integers.
        """
        values = np.empty(len(record), np.int64)
        spans = np.empty((len(self._names), 2), np.int64)
        data = np.frombuffer(record, np.uint8)
        if not read_columns(data, self._bytes, self._bounds, values, spans):
            raise ExampleError("is not a tf.train.Example")
        columns = {}
        for name, (first, count) in zip(self._names, spans.tolist(), strict=True):
            if count < 0:
                raise ExampleError(_PROBLEMS[count].format(name=name))
            columns[name] = values[first : first + count]
        return columns
