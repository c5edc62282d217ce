"""tf.train.Example in protobuf's wire format, as machine code: columns of integers only.

An Example nests five messages, each preceded by its size; in bytes:

    Example     0a SIZE Features
    Features    0a SIZE entry, one per column
    entry       0a SIZE name, 12 SIZE Feature
    Feature     1a SIZE Int64List
    Int64List   0a SIZE the values as varints

Messages: tensorflow/core/example/{example,feature}.proto.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.compiled import compiled
from penstock.kernels.protobuf import (
    LENGTH_DELIMITED,
    MALFORMED,
    VARINT,
    read_field,
    read_varints,
    write_varint,
)

#: Returned by `read_columns` instead of a count.
MISSING: Final = -2
OTHER_KIND: Final = -3


@compiled
def write_column(
    buffer: NDArray[np.uint8],
    starts: NDArray[np.int64],
    name: NDArray[np.uint8],
    values: NDArray[np.int32],
    nested: NDArray[np.int64],
) -> None:
    """Write one column of every row as an entry that begins at `starts[row]`.

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
            # One byte per value, as in segmentation columns.
            for column in range(values.shape[1]):
                buffer[at + column] = values[row, column]
        else:
            _write_values(buffer, at, values[row])


@compiled
def _write_values(buffer: NDArray[np.uint8], at: int, values: NDArray[np.int32]) -> None:
    fast = max(0, len(values) - 3)
    for value in values[:fast]:
        if value < 1 << 28:
            # Four bytes without a branch; the next values overwrite the bytes not needed.
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
def read_columns(
    record: NDArray[np.uint8],
    names: NDArray[np.uint8],
    name_bounds: NDArray[np.int64],
    values: NDArray[np.int64],
    spans: NDArray[np.int64],
) -> bool:
    """Read the integers of the named columns of an Example in one pass.

    Column c, named `names[name_bounds[c]:name_bounds[c + 1]]`, gets `spans[c]`: the index of its
    first value in `values` and their count, or MISSING, or OTHER_KIND (floats or bytes). `values`
    has room for one value per byte of `record`. Returns False if the record is not an Example.

    Any order of fields, packed and unpacked integers and unknown fields are read as protobuf reads
    them: the last entry of a name wins, repeated fields of one entry are joined.
    """
    spans[:, 1] = MISSING
    used = 0
    at = 0
    while at < len(record):
        number, wire, begin, at = read_field(record, at, len(record))
        if at == MALFORMED:
            return False
        if number != 1 or wire != LENGTH_DELIMITED:
            continue
        inner = begin
        while inner < at:
            number, wire, begin, inner = read_field(record, inner, at)
            if inner == MALFORMED:
                return False
            if number == 1 and wire == LENGTH_DELIMITED:
                column = _find_column(record, begin, inner, names, name_bounds)
                if column == MALFORMED:
                    return False
                if column != MISSING:
                    used = _read_entry(record, begin, inner, values, used, spans[column])
                    if used == MALFORMED:
                        return False
    return True


@compiled
def _find_column(
    record: NDArray[np.uint8],
    at: int,
    end: int,
    names: NDArray[np.uint8],
    name_bounds: NDArray[np.int64],
) -> int:
    """Return the column of an entry, MISSING if it is not wanted, or MALFORMED."""
    key_begin, key_end = at, at
    while at < end:
        number, wire, begin, at = read_field(record, at, end)
        if at == MALFORMED:
            return MALFORMED
        if number == 1 and wire == LENGTH_DELIMITED:
            key_begin, key_end = begin, at
    size = key_end - key_begin
    for column in range(len(name_bounds) - 1):
        start = name_bounds[column]
        if name_bounds[column + 1] - start == size:
            same = True
            for offset in range(size):
                same = same and record[key_begin + offset] == names[start + offset]
            if same:
                return column
    return MISSING


@compiled
def _read_entry(
    record: NDArray[np.uint8],
    at: int,
    end: int,
    values: NDArray[np.int64],
    used: int,
    span: NDArray[np.int64],
) -> int:
    """Append the integers of an entry to the `used` values and set its span; return `used`."""
    first, other_kind = used, False
    while at < end:
        number, wire, begin, at = read_field(record, at, end)
        if number != 2 or wire != LENGTH_DELIMITED:
            continue
        inner = begin
        while inner < at:
            number, wire, begin, inner = read_field(record, inner, at)
            if inner == MALFORMED:
                return MALFORMED
            if wire != LENGTH_DELIMITED or number > 3:
                continue
            # A list of another kind replaces the integers before it, and the other way round.
            other_kind = number != 3
            if other_kind:
                first = used
            else:
                used = _read_list(record, begin, inner, values, used)
                if used == MALFORMED:
                    return MALFORMED
    span[0] = first
    span[1] = OTHER_KIND if other_kind else used - first
    return used


@compiled
def _read_list(
    record: NDArray[np.uint8], at: int, end: int, values: NDArray[np.int64], used: int
) -> int:
    while at < end:
        number, wire, begin, at = read_field(record, at, end)
        if at == MALFORMED:
            return MALFORMED
        if number == 1 and wire in (LENGTH_DELIMITED, VARINT):
            used = read_varints(record, begin, at, values, used)
            if used == MALFORMED:
                return MALFORMED
    return used
