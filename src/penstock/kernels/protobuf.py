"""The protobuf wire format: varints and fields, as machine code.

Specification: https://protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from penstock.kernels.compiled import compiled

#: Returned instead of a position or a count.
MALFORMED: Final = -1
#: Wire types.
VARINT: Final = 0
LENGTH_DELIMITED: Final = 2


@compiled
def varint_sizes(values: NDArray[np.int32], sizes: NDArray[np.int64]) -> None:
    """Store in `sizes` the encoded size of each row of `values`, which are not negative."""
    for row in range(values.shape[0]):
        more = 0
        for column in range(values.shape[1]):
            value = values[row, column]
            more += (value >= 1 << 7) + (value >= 1 << 14) + (value >= 1 << 21) + (value >= 1 << 28)
        sizes[row] = values.shape[1] + more


@compiled
def write_varint(buffer: NDArray[np.uint8], at: int, value: int) -> int:
    """Write one varint; return its end."""
    while value >= 0x80:
        buffer[at] = value & 0x7F | 0x80
        value >>= 7
        at += 1
    buffer[at] = value
    return at + 1


@compiled
def read_varint(data: NDArray[np.uint8], at: int, end: int) -> tuple[int, int]:
    """Return a varint (64 bits, two's complement) and its end; the end may be MALFORMED."""
    value = 0
    shift = 0
    while at < end and shift < 64:
        byte = int(data[at])
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    return 0, MALFORMED


@compiled
def read_varints(
    data: NDArray[np.uint8], at: int, end: int, values: NDArray[np.int64], count: int
) -> int:
    """Append the varints from `at` to `end` to the first `count` values; return the new count.

    `values` has room for one value per byte. Returns MALFORMED if the last varint is cut off.
    """
    while at < end:
        first = data[at]
        if first < 0x80:
            values[count] = first
            at += 1
        elif at + 2 < end and not data[at + 1] & data[at + 2] & 0x80:
            # Two or three bytes without a branch: ids of a large vocabulary mix both.
            longer = int(data[at + 1] >> 7)
            high = int(data[at + 1] & 0x7F) << 7 | longer * int(data[at + 2]) << 14
            values[count] = int(first & 0x7F) | high
            at += 2 + longer
        else:
            values[count], at = read_varint(data, at, end)
            if at == MALFORMED:
                return MALFORMED
        count += 1
    return count


@compiled
def read_field(data: NDArray[np.uint8], at: int, end: int) -> tuple[int, int, int, int]:
    """Return a field's number, its wire type, and the begin and end of its content.

    The end is MALFORMED if the bytes are not a field or the field does not end before `end`.
    """
    tag, at = read_varint(data, at, end)
    number, wire = tag >> 3, tag & 7
    begin, stop = at, MALFORMED
    if at == MALFORMED or number <= 0:
        stop = MALFORMED
    elif wire == VARINT:
        stop = read_varint(data, at, end)[1]
    elif wire == 1:
        stop = at + 8
    elif wire == LENGTH_DELIMITED:
        size, begin = read_varint(data, at, end)
        if begin != MALFORMED and 0 <= size <= end - begin:
            stop = begin + size
    elif wire == 5:
        stop = at + 4
    return number, wire, begin, stop if stop <= end else MALFORMED


@compiled
def read_integer_fields(
    data: NDArray[np.uint8], bounds: NDArray[np.int64], table: NDArray[np.int64]
) -> bool:
    """Read the varint fields of messages into `table[message, field number]`; others are skipped.

    Message m is `data[bounds[m]:bounds[m + 1]]`. Returns False if one is malformed.
    """
    for message in range(len(bounds) - 1):
        at, end = bounds[message], bounds[message + 1]
        while at < end:
            number, wire, begin, at = read_field(data, at, end)
            if at == MALFORMED:
                return False
            if wire == VARINT and number < table.shape[1]:
                table[message, number] = read_varint(data, begin, at)[0]
    return True
