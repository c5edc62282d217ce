"""Riegeli chunks, which an ArrayRecord file consists of: read, verified, decompressed.

A chunk is a header of 40 bytes and data; a block header of 24 bytes interrupts it at every multiple
of 64 KiB. Header and data have a hash each, and both are verified. Specification:
https://github.com/google/riegeli/blob/master/doc/riegeli_records_file_format.md.

Supported are simple chunks ('r'), uncompressed or with zstd, as ArrayRecord writes by default.
"""

from __future__ import annotations

import os
import struct
import threading
from dataclasses import dataclass

import numpy as np
import zstandard
from numpy.typing import NDArray

from penstock.kernels.highwayhash import riegeli_hash
from penstock.kernels.protobuf import MALFORMED, read_varint, read_varints

BLOCK = 1 << 16
_BLOCK_HEADER = 24
_CHUNK_HEADER = struct.Struct("<5Q")
_SIMPLE = ord("r")
_UNCOMPRESSED, _ZSTD = 0, ord("z")
_UNSUPPORTED = {ord("b"): "brotli", ord("s"): "snappy"}


class ChunkError(ValueError):
    """A chunk that is damaged or of a kind that is not supported."""

    def __init__(
        self, reason: str, hint: str = "the file is damaged; restore it or build the dataset again"
    ) -> None:
        super().__init__(f"{reason}; {hint}")


@dataclass(frozen=True)
class Chunk:
    """The records of a chunk: record i is `values[bounds[i]:bounds[i + 1]]`."""

    values: bytes
    bounds: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def __getitem__(self, index: int) -> bytes:
        return self.values[self.bounds[index] : self.bounds[index + 1]]


def read_chunk(descriptor: int, begin: int, end: int) -> Chunk:
    """Return the chunk between two offsets of a file; padding may follow it. Raises ChunkError."""
    content = _without_block_headers(os.pread(descriptor, max(0, end - begin), begin), begin)
    if len(content) < _CHUNK_HEADER.size:
        raise ChunkError("a chunk is cut off")
    header_hash, data_size, data_hash, kind, size = _CHUNK_HEADER.unpack_from(content)
    if riegeli_hash(content[8 : _CHUNK_HEADER.size]) != header_hash:
        raise ChunkError("the hash of a chunk's header does not match")
    data = content[_CHUNK_HEADER.size : _CHUNK_HEADER.size + data_size]
    if len(data) != data_size:
        raise ChunkError("a chunk is cut off")
    if riegeli_hash(data) != data_hash:
        raise ChunkError("the hash of a chunk's data does not match")
    if kind & 0xFF != _SIMPLE:
        raise ChunkError("a chunk of a kind that is not supported", "write with transpose:false")
    return _decode(data, kind >> 8, size)


def _without_block_headers(raw: bytes, begin: int) -> bytes:
    """Return what was read from an offset, without the block headers at multiples of 64 KiB."""
    first = -begin % BLOCK
    if first >= len(raw):
        return raw
    parts = [raw[:first]]
    parts += [raw[at + _BLOCK_HEADER : at + BLOCK] for at in range(first, len(raw), BLOCK)]
    return b"".join(parts)


def _decode(data: bytes, records: int, size: int) -> Chunk:
    """Decode a chunk: compression, size of the sizes, the sizes as varints, the values."""
    array = np.frombuffer(data, np.uint8)
    sizes_size, at = read_varint(array, 1, len(data))
    if at == MALFORMED or not 0 <= sizes_size <= len(data) - at:
        raise ChunkError("a chunk does not hold what its header says")
    sizes = _decompress(data[at : at + sizes_size], data[0], 10 * records)
    values = _decompress(data[at + sizes_size :], data[0], size)
    lengths = np.empty(len(sizes), np.int64)
    count = read_varints(np.frombuffer(sizes, np.uint8), 0, len(sizes), lengths, 0)
    bounds = np.concatenate(([0], np.cumsum(lengths[: max(count, 0)])))
    if count != records or len(values) != size or bounds[-1] != size or (np.diff(bounds) < 0).any():
        raise ChunkError("a chunk does not hold what its header says")
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
        raise ChunkError(f"a chunk is compressed with {name}", "write with zstd or uncompressed")
    size, at = read_varint(np.frombuffer(data, np.uint8), 0, len(data))
    if at == MALFORMED or not 0 <= size <= limit:
        raise ChunkError("a chunk does not hold what its header says")
    try:
        return _decompressor.zstd.decompress(data[at:], max_output_size=size)
    except zstandard.ZstdError as error:
        raise ChunkError("a chunk does not hold what its header says") from error
