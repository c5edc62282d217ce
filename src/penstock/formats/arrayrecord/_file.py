"""The ArrayRecord file: chunks of records, a footer that says where they are, a postscript.

The postscript is a chunk in the last 64 KiB that says where the footer is. The footer is a chunk of
messages: one about the file, then one a chunk with its place and its number of records
(array_record/cpp/layout.proto).
"""

from __future__ import annotations

import os
from bisect import bisect_right
from itertools import accumulate
from pathlib import Path

from penstock.errors import DataError
from penstock.formats._tfds_reading import ShardFile
from penstock.formats.arrayrecord._chunks import (
    BLOCK,
    ChunkError,
    chunk_records,
    read_chunk,
    read_varint,
)

_MAGIC = 0x71930E704FDAE05E
_VERSION = 1


class ArrayRecordFile(ShardFile):
    """An ArrayRecord file, read without the library; each read proves the hashes of its chunk."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        try:
            self._places, counts, self.size = self._footer()
        except ChunkError as error:
            raise DataError(f"cannot be read as ArrayRecord: {error}", file=path) from None
        #: The number of records up to and with each chunk.
        self._ends = list(accumulate(counts))

    def __len__(self) -> int:
        """Return the number of records."""
        return self._ends[-1] if self._ends else 0

    def record(self, index: int) -> bytes:
        """Return a record; raises DataError when its chunk is damaged or cannot be read."""
        number = bisect_right(self._ends, index)
        before = self._ends[number - 1] if number else 0
        try:
            chunk = read_chunk(self.descriptor, self._places[number])
            if chunk.records != self._ends[number] - before:
                raise ChunkError("a chunk has not the number of records that the footer says")
            return chunk_records(chunk)[index - before]
        except ChunkError as error:
            raise DataError(f"record {index + 1}: {error}", file=self.path) from None

    def _footer(self) -> tuple[list[int], list[int], int]:
        """Return the place and the number of records of every chunk, and the size of all."""
        size = os.fstat(self.descriptor).st_size
        if size < 2 * BLOCK or size % BLOCK:
            raise ChunkError("its size is no multiple of 64 KiB, so its end is missing")
        postscripts = self._messages(size - BLOCK)
        postscript = _numbers(postscripts[0]) if postscripts else {}
        if postscript.get(2) != _MAGIC:
            raise ChunkError("the postscript is none of an ArrayRecord file")
        about, *chunks = self._messages(postscript.get(1, 0)) or [b""]
        found = [_numbers(chunk) for chunk in chunks]
        places = [chunk.get(1, 0) for chunk in found]
        counts = [chunk.get(3, 0) for chunk in found]
        metadata = _numbers(_inner(about))
        if metadata.get(1) != _VERSION:
            raise ChunkError(f"version {metadata.get(1)} of ArrayRecord is not known")
        if metadata.get(2, 0) != len(places) or metadata.get(3, 0) != sum(counts):
            raise ChunkError("the footer does not add up")
        return places, counts, sum(chunk.get(2, 0) for chunk in found)

    def _messages(self, place: int) -> list[bytes]:
        return chunk_records(read_chunk(self.descriptor, place))


def _inner(message: bytes) -> bytes:
    """Return the message in field 1 of another one."""
    try:
        tag, at = read_varint(message, 0)
        size, at = read_varint(message, at)
    except IndexError:
        raise ChunkError("a message breaks off") from None
    if tag != (1 << 3 | 2):
        raise ChunkError("the footer is none of records")
    return message[at : at + size]


def _numbers(message: bytes) -> dict[int, int]:
    """Return the whole numbers among the fields of a protobuf message, by field number."""
    found = {}
    at = 0
    try:
        while at < len(message):
            tag, at = read_varint(message, at)
            value, at = read_varint(message, at)
            if tag & 7 == 0:
                found[tag >> 3] = value
            elif tag & 7 == 2:
                at += value
            else:
                raise ChunkError("a message has a field of an unknown kind")
    except IndexError:
        raise ChunkError("a message breaks off") from None
    return found
