"""The ArrayRecord file: Riegeli chunks of records, a footer that locates them, a postscript.

The postscript is a chunk in the last 64 KiB that locates the footer. The footer is a chunk of
messages: one about the file, then one per chunk with its offset and its number of records
(array_record/cpp/layout.proto). A block header of 24 bytes interrupts the chunks at every multiple
of 64 KiB. Supported are simple chunks, uncompressed or with zstd, as ArrayRecord writes by default.
"""

from __future__ import annotations

import itertools
import os
import threading
import weakref
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import zstandard
from numpy.typing import NDArray

from penstock.errors import DataError
from penstock.formats._tfds import ShardFile
from penstock.kernels import riegeli
from penstock.kernels.protobuf import (
    LENGTH_DELIMITED,
    MALFORMED,
    read_field,
    read_integer_fields,
    read_varint,
    read_varints,
)

_MAGIC = 0x71930E704FDAE05E
_VERSION = 1
#: The bytes that are read from the file at a time for consecutive records.
_READ_BYTES = 1 << 22
_CACHE_BYTES = 1 << 28
_BLOCK = 1 << 16
_BLOCK_HEADER = 24
_DAMAGED = "the file is damaged; restore it or build the dataset again"
_PROBLEMS = {
    riegeli.CUT_OFF: f"a chunk is cut off; {_DAMAGED}",
    riegeli.HEADER_HASH: f"the hash of a chunk's header does not match; {_DAMAGED}",
    riegeli.DATA_HASH: f"the hash of a chunk's data does not match; {_DAMAGED}",
    riegeli.UNSUPPORTED_KIND: "a chunk of a kind that is not supported; write with transpose:false",
    riegeli.INCONSISTENT: f"a chunk does not hold what its header says; {_DAMAGED}",
}
_UNCOMPRESSED, _ZSTD = 0, ord("z")
_UNSUPPORTED = {ord("b"): "brotli", ord("s"): "snappy"}


class ChunkError(ValueError):
    """A chunk that is damaged or not supported."""


@dataclass(frozen=True)
class Chunk:
    """The records of a chunk: record i is `values[bounds[i]:bounds[i + 1]]`."""

    values: bytes
    bounds: Sequence[int]

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def __getitem__(self, index: int) -> bytes:
        return self.values[self.bounds[index] : self.bounds[index + 1]]


class ChunkRange:
    """Consecutive chunks of a file, read at once: chunk i is at `offsets[i]:offsets[i + 1]`."""

    def __init__(self, descriptor: int, offsets: Sequence[int]) -> None:
        begin = offsets[0]
        if begin < 0:
            raise ChunkError(_PROBLEMS[riegeli.CUT_OFF])
        raw = os.pread(descriptor, max(0, offsets[-1] - begin), begin)
        places = np.minimum(np.array(offsets) - begin, len(raw))
        first = -begin % _BLOCK
        if first < len(raw):
            parts = [raw[:first]]
            parts += [
                raw[at + _BLOCK_HEADER : at + _BLOCK] for at in range(first, len(raw), _BLOCK)
            ]
            raw = b"".join(parts)
            places -= _BLOCK_HEADER * np.maximum(0, -((first - places) // _BLOCK))
        self._content = raw
        table = np.empty((len(offsets) - 1, riegeli.FIELDS), np.int64)
        riegeli.locate_chunks(np.frombuffer(raw, np.uint8), places, table)
        self._chunks = table.tolist()

    def decode(self, index: int) -> Chunk:
        """Return a chunk; raises ChunkError."""
        status, records, size, compression, sizes_begin, begin, end = self._chunks[index]
        if status != riegeli.SOUND:
            raise ChunkError(_PROBLEMS[status])
        values = _decompress(self._content[begin:end], compression, size)
        if records == 1 and len(values) == size:
            return Chunk(values, (0, size))
        sizes = _decompress(self._content[sizes_begin:begin], compression, 10 * records)
        lengths = np.empty(len(sizes), np.int64)
        count = read_varints(np.frombuffer(sizes, np.uint8), 0, len(sizes), lengths, 0)
        bounds = [0, *np.cumsum(lengths[: max(count, 0)]).tolist()]
        if count != records or not size == len(values) == bounds[-1] or sorted(bounds) != bounds:
            raise ChunkError(_PROBLEMS[riegeli.INCONSISTENT])
        return Chunk(values, bounds)


class _Decompressor(threading.local):
    """A zstd decompressor per thread: it is slow to create and not safe to share."""

    def __init__(self) -> None:
        self.zstd = zstandard.ZstdDecompressor()


_decompressor = _Decompressor()


def _decompress(data: bytes, compression: int, limit: int) -> bytes:
    """Return decompressed data, which has at most `limit` bytes."""
    if compression == _UNCOMPRESSED:
        return data
    if compression != _ZSTD:
        name = _UNSUPPORTED.get(compression, "an unknown method")
        raise ChunkError(f"a chunk is compressed with {name}; write with zstd or uncompressed")
    size, at = read_varint(np.frombuffer(data, np.uint8), 0, len(data))
    if at != MALFORMED and 0 <= size <= limit:
        try:
            return _decompressor.zstd.decompress(data[at:], max_output_size=size)
        except zstandard.ZstdError:
            pass
    raise ChunkError(_PROBLEMS[riegeli.INCONSISTENT])


class _ChunkCache:
    """The most recently decoded chunks of all files: at most `limit` bytes, or one chunk."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._chunks: OrderedDict[tuple[int, int], Chunk] = OrderedDict()
        self._size = 0
        # Reentrant, as the garbage collector may drop a file in the middle of `put`.
        self._lock = threading.RLock()

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
        """Decode chunk `number` of the file, at `index` of the range; errors name the record."""
        try:
            chunk = chunks.decode(index)
            if len(chunk) != self._ends[number] - self._first(number):
                raise ChunkError(f"the number of records is not that of the footer; {_DAMAGED}")
        except ChunkError as error:
            raise DataError(f"record {record + 1}: {error}", file=self.path) from None
        return chunk

    def _read_footer(self) -> None:
        """Find the offset of each chunk and the number of records up to its end."""
        size = os.fstat(self.descriptor).st_size
        if size < 2 * _BLOCK or size % _BLOCK:
            message = f"its size is not a multiple of 64 KiB, so its end is missing; {_DAMAGED}"
            raise ChunkError(message)
        # The postscript has the fields footer_offset and magic; the footer's first message has
        # version, number of chunks and number of records in its field 1; the others have
        # chunk_offset, decoded_data_size and num_records.
        postscript = _integer_fields(self._messages(size - _BLOCK, size))
        if not len(postscript) or postscript[0, 2] != _MAGIC:
            raise ChunkError(f"the postscript is not one of ArrayRecord; {_DAMAGED}")
        footer_offset = int(postscript[0, 1])
        footer = self._messages(footer_offset, size - _BLOCK)
        about, chunks = _metadata(footer), _integer_fields(footer)[1:]
        self._offsets = [*chunks[:, 1].tolist(), footer_offset]
        self._ends = np.cumsum(chunks[:, 3]).tolist()
        self.size = int(chunks[:, 2].sum())
        if about[1] != _VERSION:
            raise ChunkError(f"version {about[1]} of ArrayRecord is not supported; {_DAMAGED}")
        in_order = [0, *self._offsets] == sorted([0, *self._offsets])
        if not in_order or about[2] != len(chunks) or about[3] != len(self):
            raise ChunkError(f"the footer is inconsistent; {_DAMAGED}")

    def _messages(self, begin: int, end: int) -> Chunk:
        return ChunkRange(self.descriptor, [begin, end]).decode(0)


def _metadata(footer: Chunk) -> list[int]:
    """Return the integer fields of the message about the file."""
    first = footer[0] if len(footer) else b""
    number, wire, begin, end = read_field(np.frombuffer(first, np.uint8), 0, len(first))
    if (number, wire) != (1, LENGTH_DELIMITED) or end < 0:
        raise ChunkError(f"the footer does not describe records; {_DAMAGED}")
    fields = _integer_fields(Chunk(first[begin:end], (0, end - begin)))[0]
    return [int(value) for value in fields]


def _integer_fields(messages: Chunk) -> NDArray[np.int64]:
    """Return the fields 0 to 3 of each message as an array; absent fields are 0."""
    fields = np.zeros((len(messages), 4), np.int64)
    data = np.frombuffer(messages.values, np.uint8)
    if not read_integer_fields(data, np.array(messages.bounds), fields):
        raise ChunkError(f"a message is malformed; {_DAMAGED}")
    return fields
