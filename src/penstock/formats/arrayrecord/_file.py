"""The ArrayRecord file: chunks of records, a footer that locates them, a postscript.

The postscript is a chunk in the last 64 KiB that locates the footer. The footer is a chunk of
messages: one about the file, then one per chunk with its offset and its number of records
(array_record/cpp/layout.proto).
"""

from __future__ import annotations

import itertools
import os
import weakref
from bisect import bisect_right
from collections import OrderedDict
from pathlib import Path
from threading import RLock

import numpy as np
from numpy.typing import NDArray

from penstock.errors import DataError
from penstock.formats._tfds import ShardFile
from penstock.formats.arrayrecord._riegeli import BLOCK, Chunk, ChunkError, read_chunk
from penstock.kernels.protobuf import LENGTH_DELIMITED, read_field, read_integer_fields

_MAGIC = 0x71930E704FDAE05E
_VERSION = 1


class _ChunkCache:
    """The chunks decoded last, of all files of the process: at most `limit` bytes, or one chunk."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._chunks: OrderedDict[tuple[int, int], Chunk] = OrderedDict()
        self._size = 0
        self._lock = RLock()  # a file may be dropped by the garbage collector inside of `put`

    def get(self, file: int, number: int) -> Chunk | None:
        with self._lock:
            chunk = self._chunks.get((file, number))
            if chunk is not None:
                self._chunks.move_to_end((file, number))
            return chunk

    def put(self, file: int, number: int, chunk: Chunk) -> None:
        with self._lock:
            if (file, number) not in self._chunks:
                self._chunks[file, number] = chunk
                self._size += len(chunk.values)
            while self._size > self._limit and len(self._chunks) > 1:
                _, oldest = self._chunks.popitem(last=False)
                self._size -= len(oldest.values)

    def drop(self, file: int) -> None:
        """Forget the chunks of a file."""
        with self._lock:
            for key in [key for key in self._chunks if key[0] == file]:
                self._size -= len(self._chunks.pop(key).values)


_CACHE = _ChunkCache(1 << 28)
_file_numbers = itertools.count()


class ArrayRecordFile(ShardFile):
    """An ArrayRecord file, read without the library; each read verifies the hashes of its chunk.

    A chunk with more than one record is decoded once and kept while the cache has room.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        try:
            self._read_footer()
        except ChunkError as error:
            raise DataError(f"cannot be read as ArrayRecord: {error}", file=path) from None
        self._number = next(_file_numbers)
        weakref.finalize(self, _CACHE.drop, self._number)

    def __len__(self) -> int:
        """Return the number of records."""
        return self._ends[-1] if self._ends else 0

    def record(self, index: int) -> bytes:
        """Return a record; raises DataError if its chunk is damaged or not supported."""
        number = bisect_right(self._ends, index)
        first = self._ends[number - 1] if number else 0
        try:
            return self._chunk(number, self._ends[number] - first)[index - first]
        except ChunkError as error:
            raise DataError(f"record {index + 1}: {error}", file=self.path) from None

    def _chunk(self, number: int, records: int) -> Chunk:
        chunk = _CACHE.get(self._number, number) if records > 1 else None
        if chunk is None:
            chunk = read_chunk(self.descriptor, self._offsets[number], self._offsets[number + 1])
            if len(chunk) != records:
                raise ChunkError("a chunk does not have the number of records in the footer")
            if records > 1:
                _CACHE.put(self._number, number, chunk)
        return chunk

    def _read_footer(self) -> None:
        """Find the offset of each chunk and the number of records up to its end."""
        size = os.fstat(self.descriptor).st_size
        if size < 2 * BLOCK or size % BLOCK:
            raise ChunkError("its size is not a multiple of 64 KiB, so its end is missing")
        # The postscript has the fields footer_offset and magic; the footer's first message has
        # version, number of chunks and number of records in its field 1; the others have
        # chunk_offset, decoded_data_size and num_records.
        postscript = _integer_fields(read_chunk(self.descriptor, size - BLOCK, size))
        if not len(postscript) or postscript[0, 2] != _MAGIC:
            raise ChunkError("the postscript is not one of ArrayRecord")
        footer_offset = int(postscript[0, 1])
        footer = read_chunk(self.descriptor, footer_offset, size - BLOCK)
        metadata = _metadata(footer)
        chunks = _integer_fields(footer)[1:]
        if metadata[1] != _VERSION:
            raise ChunkError(f"version {metadata[1]} of ArrayRecord is not known")
        if metadata[2] != len(chunks) or metadata[3] != chunks[:, 3].sum():
            raise ChunkError("the counts of the footer do not add up")
        self._offsets = [*chunks[:, 1].tolist(), footer_offset]
        if self._offsets != sorted(self._offsets) or self._offsets[0] < 0:
            raise ChunkError("the chunks of the footer are not in order")
        self._ends = np.cumsum(chunks[:, 3]).tolist()
        self.size = int(chunks[:, 2].sum())


def _metadata(footer: Chunk) -> list[int]:
    """Return the integer fields of the message about the file."""
    first = footer[0] if len(footer) else b""
    number, wire, begin, end = read_field(np.frombuffer(first, np.uint8), 0, len(first))
    if (number, wire) != (1, LENGTH_DELIMITED) or end < 0:
        raise ChunkError("the footer does not describe records")
    message = first[begin:end]
    fields = _integer_fields(Chunk(message, np.array([0, len(message)])))[0]
    return [int(value) for value in fields]


def _integer_fields(messages: Chunk) -> NDArray[np.int64]:
    """Return the fields 0 to 3 of each message as an array; absent fields are 0."""
    fields = np.zeros((len(messages), 4), np.int64)
    data = np.frombuffer(messages.values, np.uint8)
    if not read_integer_fields(data, messages.bounds, fields):
        raise ChunkError("a message is malformed")
    return fields
