"""tf.train.Example in protobuf's wire format, as machine code: integers out and in.

An Example nests five messages, each with its size in front; in bytes:

    Example     0a SIZE Features
    Features    0a SIZE entry, once a column
    entry       0a SIZE name, 12 SIZE Feature
    Feature     1a SIZE Int64List
    Int64List   0a SIZE the values as varints

Wire format: https://protobuf.dev/programming-guides/encoding; messages: tensorflow/core/example.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.compiled import compiled

#: What `find_integers` returns instead of a count.
MALFORMED: Final = -1
MISSING: Final = -2
OTHER_KIND: Final = -3

_LENGTH_DELIMITED: Final = 2


@compiled
def varint_sizes(values: NDArray[np.int32], sizes: NDArray[np.int64]) -> None:
    """Put into `sizes` how many bytes each row of `values` takes; no value is negative."""
    for row in range(values.shape[0]):
        more = 0
        for column in range(values.shape[1]):
            value = values[row, column]
            more += (value >= 1 << 7) + (value >= 1 << 14) + (value >= 1 << 21) + (value >= 1 << 28)
        sizes[row] = values.shape[1] + more


@compiled
def write_varint(buffer: NDArray[np.uint8], at: int, value: int) -> int:
    """Write one varint; return where it ends."""
    while value >= 0x80:
        buffer[at] = value & 0x7F | 0x80
        value >>= 7
        at += 1
    buffer[at] = value
    return at + 1


@compiled
def write_column(
    buffer: NDArray[np.uint8],
    starts: NDArray[np.int64],
    name: NDArray[np.uint8],
    values: NDArray[np.int32],
    nested: NDArray[np.int64],
) -> None:
    """Write one column of every row as an entry that begins at the row's `starts`.

    `nested` (rows, 4) holds the sizes of entry, Feature, Int64List and values.
    """
    for row in range(values.shape[0]):
        at = starts[row]
        buffer[at] = 0x0A
        at = write_varint(buffer, at + 1, nested[row, 0])
        buffer[at] = 0x0A
        at = write_varint(buffer, at + 1, len(name))
        for byte in name:
            buffer[at] = byte
            at += 1
        buffer[at] = 0x12
        at = write_varint(buffer, at + 1, nested[row, 1])
        buffer[at] = 0x1A
        at = write_varint(buffer, at + 1, nested[row, 2])
        buffer[at] = 0x0A
        at = write_varint(buffer, at + 1, nested[row, 3])
        if nested[row, 3] == values.shape[1]:
            # A byte each, as the numbers of segments are.
            for column in range(values.shape[1]):
                buffer[at + column] = values[row, column]
        else:
            _write_values(buffer, at, values[row])


@compiled
def _write_values(buffer: NDArray[np.uint8], at: int, values: NDArray[np.int32]) -> None:
    fast = max(0, len(values) - 3)
    for value in values[:fast]:
        if value < 1 << 28:
            # Four bytes without a branch; what is too much is written over by the next values.
            more7, more14, more21 = value >= 1 << 7, value >= 1 << 14, value >= 1 << 21
            buffer[at] = value & 0x7F | more7 << 7
            buffer[at + 1] = value >> 7 & 0x7F | more14 << 7
            buffer[at + 2] = value >> 14 & 0x7F | more21 << 7
            buffer[at + 3] = value >> 21
            at += 1 + more7 + more14 + more21
        else:
            at = write_varint(buffer, at, value)
    for value in values[fast:]:
        at = write_varint(buffer, at, value)


@compiled
def read_varint(record: NDArray[np.uint8], at: int, end: int) -> tuple[int, int]:
    """Return a varint (64 bits, two's complement) and where it ends; MALFORMED as the end."""
    value = 0
    shift = 0
    while at < end and shift < 64:
        byte = int(record[at])
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    return 0, MALFORMED


@compiled
def read_field(record: NDArray[np.uint8], at: int, end: int) -> tuple[int, int, int, int]:
    """Return a field's number, wire type, and where its content begins and ends.

    The end is MALFORMED for what is no field, or reaches behind `end`.
    """
    tag, at = read_varint(record, at, end)
    number, wire = tag >> 3, tag & 7
    begin, stop = at, MALFORMED
    if at == MALFORMED or number <= 0:
        stop = MALFORMED
    elif wire == 0:
        stop = read_varint(record, at, end)[1]
    elif wire == 1:
        stop = at + 8
    elif wire == _LENGTH_DELIMITED:
        size, begin = read_varint(record, at, end)
        if begin != MALFORMED and 0 <= size <= end - begin:
            stop = begin + size
    elif wire == 5:
        stop = at + 4
    return number, wire, begin, stop if stop <= end else MALFORMED


@compiled
def find_integers(
    record: NDArray[np.uint8], name: NDArray[np.uint8], values: NDArray[np.int64]
) -> int:
    """Put the integers of the column `name` of an Example into `values`; return how many.

    Every order of fields, packed and unpacked integers, and fields that are not known are read as
    protobuf reads them: the last entry of a name counts. `values` has room for a value a byte of
    `record`. Instead of a count comes MALFORMED, MISSING, or OTHER_KIND (floats or bytes).
    """
    count = MISSING
    at = 0
    while at < len(record):
        number, wire, begin, at = read_field(record, at, len(record))
        if at == MALFORMED:
            return MALFORMED
        if number == 1 and wire == _LENGTH_DELIMITED:
            inner = begin
            while inner < at:
                number, wire, begin, inner = read_field(record, inner, at)
                if inner == MALFORMED:
                    return MALFORMED
                if number == 1 and wire == _LENGTH_DELIMITED:
                    found = _read_entry(record, begin, inner, name, values)
                    if found == MALFORMED:
                        return MALFORMED
                    if found != MISSING:
                        count = found
    return count


@compiled
def _read_entry(
    record: NDArray[np.uint8],
    at: int,
    end: int,
    name: NDArray[np.uint8],
    values: NDArray[np.int64],
) -> int:
    """Read an entry of the map from names to Features; MISSING when it has another name."""
    key_begin, key_end = at, at
    value_begin, value_end = at, at
    while at < end:
        number, wire, begin, at = read_field(record, at, end)
        if at == MALFORMED:
            return MALFORMED
        if number == 1 and wire == _LENGTH_DELIMITED:
            key_begin, key_end = begin, at
        elif number == 2 and wire == _LENGTH_DELIMITED:
            value_begin, value_end = begin, at
    if key_end - key_begin != len(name):
        return MISSING
    for offset in range(len(name)):
        if record[key_begin + offset] != name[offset]:
            return MISSING
    return _read_feature(record, value_begin, value_end, values)


@compiled
def _read_feature(record: NDArray[np.uint8], at: int, end: int, values: NDArray[np.int64]) -> int:
    count = 0
    while at < end:
        number, wire, begin, at = read_field(record, at, end)
        if at == MALFORMED:
            return MALFORMED
        if wire != _LENGTH_DELIMITED or number > 3:
            continue
        if number < 3:
            count = OTHER_KIND
            continue
        count = _read_list(record, begin, at, values, max(count, 0))
        if count == MALFORMED:
            return MALFORMED
    return count


@compiled
def _read_list(
    record: NDArray[np.uint8], at: int, end: int, values: NDArray[np.int64], count: int
) -> int:
    while at < end:
        number, wire, begin, at = read_field(record, at, end)
        if at == MALFORMED:
            return MALFORMED
        if number != 1 or (wire != _LENGTH_DELIMITED and wire != 0):
            continue
        while begin < at:
            value, begin = read_varint(record, begin, at)
            if begin == MALFORMED:
                return MALFORMED
            values[count] = value
            count += 1
    return count
