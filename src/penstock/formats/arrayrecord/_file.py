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
from collections.abc import Iterator
from pathlib import Path
from threading import RLock

import numpy as np
from numpy.typing import NDArray

from penstock.errors import DataError
from penstock.formats._tfds import ShardFile
from penstock.formats.arrayrecord._riegeli import BLOCK, DAMAGED, Chunk, ChunkError, ChunkRange
from penstock.kernels.protobuf import LENGTH_DELIMITED, read_field, read_integer_fields

_MAGIC = 0x71930E704FDAE05E
_VERSION = 1
#: Records that are read in order are read from the file so many bytes at a time.
_READ_BYTES = 1 << 22
_CACHE_BYTES = 1 << 28


class _ChunkCache:
    """The chunks decoded last, of all files of the process: at most `limit` bytes, or one chunk."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._chunks: OrderedDict[tuple[int, int], Chunk] = OrderedDict()
        self._size = 0
        self._lock = RLock()  # the garbage collector may drop a file in the middle of `put`

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


_cache = _ChunkCache(_CACHE_BYTES)
_file_numbers = itertools.count()


class ArrayRecordFile(ShardFile):
    """An ArrayRecord file, read without the library; each read verifies the hashes of its chunk.

    A chunk of several records is decoded once, and kept for `record` while the cache has room.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        try:
            self._read_footer()
        except ChunkError as error:
            raise DataError(f"cannot be read as ArrayRecord: {error}", file=path) from None
        self._number = next(_file_numbers)
        weakref.finalize(self, _cache.drop, self._number)

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def record(self, index: int) -> bytes:
        number = bisect_right(self._ends, index)
        chunk = _cache.get(self._number, number)
        if chunk is None:
            chunks = ChunkRange(self.descriptor, self._offsets[number : number + 2])
            chunk = self._decode(chunks, 0, number, index)
            if len(chunk) > 1:
                _cache.put(self._number, number, chunk)
        return chunk[index - self._first(number)]

    def records(self, start: int, stop: int) -> Iterator[bytes]:
        number = bisect_right(self._ends, start)
        end = bisect_right(self._ends, stop - 1) + 1
        while start < stop:
            limit = self._offsets[number] + _READ_BYTES
            last = min(end, bisect_right(self._offsets, limit, number + 2) - 1)
            chunks = ChunkRange(self.descriptor, self._offsets[number : last + 1])
            for index in range(last - number):
                chunk = self._decode(chunks, index, number, start)
                first = self._first(number)
                for record in range(start, min(stop, first + len(chunk))):
                    yield chunk[record - first]
                number += 1
                start = max(start, first + len(chunk))

    def _first(self, chunk: int) -> int:
        """Return the first record of a chunk."""
        return self._ends[chunk - 1] if chunk else 0

    def _decode(self, chunks: ChunkRange, index: int, number: int, record: int) -> Chunk:
        """Return chunk `number` of the file, which is chunk `index` of a range, for a record."""
        try:
            chunk = chunks.decode(index)
            if len(chunk) != self._ends[number] - self._first(number):
                raise ChunkError(f"the number of records is not that of the footer; {DAMAGED}")
        except ChunkError as error:
            raise DataError(f"record {record + 1}: {error}", file=self.path) from None
        return chunk

    def _read_footer(self) -> None:
        """Find the offset of each chunk and the number of records up to its end."""
        size = os.fstat(self.descriptor).st_size
        if size < 2 * BLOCK or size % BLOCK:
            raise ChunkError(
                f"its size is not a multiple of 64 KiB, so its end is missing; {DAMAGED}"
            )
        # The postscript has the fields footer_offset and magic; the footer's first message has
        # version, number of chunks and number of records in its field 1; the others have
        # chunk_offset, decoded_data_size and num_records.
        postscript = _integer_fields(self._messages(size - BLOCK, size))
        if not len(postscript) or postscript[0, 2] != _MAGIC:
            raise ChunkError(f"the postscript is not one of ArrayRecord; {DAMAGED}")
        footer_offset = int(postscript[0, 1])
        footer = self._messages(footer_offset, size - BLOCK)
        about, chunks = _metadata(footer), _integer_fields(footer)[1:]
        self._offsets = [*chunks[:, 1].tolist(), footer_offset]
        self._ends = np.cumsum(chunks[:, 3]).tolist()
        self.size = int(chunks[:, 2].sum())
        if about[1] != _VERSION:
            raise ChunkError(f"version {about[1]} of ArrayRecord is not supported; {DAMAGED}")
        in_order = [0, *self._offsets] == sorted([0, *self._offsets])
        if not in_order or about[2] != len(chunks) or about[3] != len(self):
            raise ChunkError(f"the footer is inconsistent; {DAMAGED}")

    def _messages(self, begin: int, end: int) -> Chunk:
        return ChunkRange(self.descriptor, [begin, end]).decode(0)


def _metadata(footer: Chunk) -> list[int]:
    """Return the integer fields of the message about the file."""
    first = footer[0] if len(footer) else b""
    number, wire, begin, end = read_field(np.frombuffer(first, np.uint8), 0, len(first))
    if (number, wire) != (1, LENGTH_DELIMITED) or end < 0:
        raise ChunkError(f"the footer does not describe records; {DAMAGED}")
    fields = _integer_fields(Chunk(first[begin:end], (0, end - begin)))[0]
    return [int(value) for value in fields]


def _integer_fields(messages: Chunk) -> NDArray[np.int64]:
    """Return the fields 0 to 3 of each message as an array; absent fields are 0."""
    fields = np.zeros((len(messages), 4), np.int64)
    data = np.frombuffer(messages.values, np.uint8)
    if not read_integer_fields(data, np.array(messages.bounds), fields):
        raise ChunkError(f"a message is malformed; {DAMAGED}")
    return fields
