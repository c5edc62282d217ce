"""Riegeli's chunks, which an ArrayRecord file is made of: found, proved, decompressed.

A chunk is a header of 40 bytes and data; a block header of 24 bytes interrupts it at every multiple
of 64 KiB. Header and data each carry a hash, and both are proved. Specification:
https://github.com/google/riegeli/blob/master/doc/riegeli_records_file_format.md.

Read are simple chunks ('r'), uncompressed or with zstd, which is how ArrayRecord writes by default.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass

import zstandard

from penstock.kernels.highwayhash import riegeli_hash

BLOCK = 1 << 16
_BLOCK_HEADER = 24
_CHUNK_HEADER = 40
_SIMPLE = ord("r")
_OTHERS = {ord("b"): "brotli", ord("s"): "snappy"}


class ChunkError(ValueError):
    """Bytes that are no chunk, or one that is damaged or of a kind that is not read."""

    def __init__(
        self, reason: str, mend: str = "the file is damaged; restore it or build the dataset again"
    ) -> None:
        super().__init__(f"{reason}; {mend}")


@dataclass(frozen=True)
class Chunk:
    """A chunk of records. `size` is that of its records together, in bytes."""

    data: bytes
    records: int
    size: int


def read_chunk(descriptor: int, begin: int) -> Chunk:
    """Return the chunk that begins at a place of a file; raises ChunkError."""
    end = os.fstat(descriptor).st_size
    if begin >= end:
        raise ChunkError("a chunk lies behind the end")
    header, at = _gather(descriptor, begin, _CHUNK_HEADER)
    header_hash, data_size, data_hash, kind_and_records, size = struct.unpack("<5Q", header)
    if riegeli_hash(header[8:]) != header_hash:
        raise ChunkError("the hash of a chunk's header does not fit")
    if data_size > end:
        raise ChunkError("a chunk breaks off")
    data, _ = _gather(descriptor, at, data_size)
    if riegeli_hash(data) != data_hash:
        raise ChunkError("the hash of a chunk's data does not fit")
    if kind_and_records & 0xFF != _SIMPLE:
        raise ChunkError("a chunk of a kind that is not read", "write with transpose:false")
    return Chunk(data, kind_and_records >> 8, size)


def chunk_records(chunk: Chunk) -> list[bytes]:
    """Return the records of a chunk; raises ChunkError."""
    try:
        compression = chunk.data[0]
        sizes_size, at = read_varint(chunk.data, 1)
        sizes = _decompressed(chunk.data[at : at + sizes_size], compression, 10 * chunk.records)
        values = _decompressed(chunk.data[at + sizes_size :], compression, chunk.size)
        records, place, start = [], 0, 0
        for _ in range(chunk.records):
            size, place = read_varint(sizes, place)
            records.append(values[start : start + size])
            start += size
    except (IndexError, zstandard.ZstdError) as error:
        raise ChunkError("a chunk does not hold what its header says") from error
    if place != len(sizes) or start != len(values) or start != chunk.size:
        raise ChunkError("a chunk does not hold what its header says")
    return records


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a varint and where it ends; raises IndexError where the data ends first."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _gather(descriptor: int, begin: int, size: int) -> tuple[bytes, int]:
    """Return `size` bytes of content from a place on, without block headers, and where they end."""
    if begin % BLOCK == 0:
        begin += _BLOCK_HEADER
    first = BLOCK - begin % BLOCK
    blocks = -(-max(0, size - first) // (BLOCK - _BLOCK_HEADER))
    whole = size + blocks * _BLOCK_HEADER
    raw = os.pread(descriptor, whole, begin)
    if len(raw) != whole:
        raise ChunkError("a chunk breaks off")
    if not blocks:
        return raw, begin + whole
    parts = [raw[:first]]
    parts += [raw[at + _BLOCK_HEADER : at + BLOCK] for at in range(first, whole, BLOCK)]
    return b"".join(parts), begin + whole


def _decompressed(data: bytes, compression: int, most: int) -> bytes:
    """Return what was compressed, which is `most` bytes at most."""
    if compression == 0:
        return data
    if compression != ord("z"):
        name = _OTHERS.get(compression, "an unknown method")
        raise ChunkError(f"a chunk is compressed with {name}", "write with zstd or uncompressed")
    size, at = read_varint(data, 0)
    if size > most:
        raise ChunkError("a chunk does not hold what its header says")
    return zstandard.ZstdDecompressor().decompress(data[at:], max_output_size=size)
