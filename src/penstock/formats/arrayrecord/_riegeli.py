"""Riegeli chunks, which an ArrayRecord file consists of: read, verified, decompressed.

A block header of 24 bytes interrupts the chunks at every multiple of 64 KiB. Supported are simple
chunks, uncompressed or with zstd, as ArrayRecord writes by default.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import zstandard

from penstock.kernels import riegeli
from penstock.kernels.protobuf import MALFORMED, read_varint, read_varints

BLOCK = 1 << 16
_BLOCK_HEADER = 24
DAMAGED = "the file is damaged; restore it or build the dataset again"
_PROBLEMS = {
    riegeli.CUT_OFF: f"a chunk is cut off; {DAMAGED}",
    riegeli.HEADER_HASH: f"the hash of a chunk's header does not match; {DAMAGED}",
    riegeli.DATA_HASH: f"the hash of a chunk's data does not match; {DAMAGED}",
    riegeli.UNSUPPORTED_KIND: "a chunk of a kind that is not supported; write with transpose:false",
    riegeli.INCONSISTENT: f"a chunk does not hold what its header says; {DAMAGED}",
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
        first = -begin % BLOCK
        if first < len(raw):
            parts = [raw[:first]]
            parts += [raw[at + _BLOCK_HEADER : at + BLOCK] for at in range(first, len(raw), BLOCK)]
            raw = b"".join(parts)
            places -= _BLOCK_HEADER * np.maximum(0, -((first - places) // BLOCK))
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
