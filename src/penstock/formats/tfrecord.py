"""`tfrecord`: packed rows in TFRecord files that TensorFlow Datasets loads by name.

A TFRecord file is a sequence of records, each with its size and two checksums:

    u64 size, u32 checksum of the size, the record, u32 checksum of the record

All numbers are little-endian. A checksum is a CRC-32C, rotated right by 15 bits, plus a constant
(tensorflow/core/lib/io/record_writer.h).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar

import google_crc32c
import numpy as np
from numpy.typing import NDArray

from penstock.errors import DataError
from penstock.formats._tfds import ShardFile, TfdsFormat

HEADER = 12
FOOTER = 4
_MASK_DELTA = 0xA282EAD8
_FIX = "the file is damaged; restore it or build the dataset again"


class Tfrecord(TfdsFormat):
    """Packed rows as TFRecord, in the layout of TensorFlow Datasets; TensorFlow is not needed."""

    name: ClassVar[str] = "tfrecord"
    kind: ClassVar[str] = "tfrecord"
    looks_like: ClassVar[str] = "a directory of NAME-SPLIT.tfrecord-00000-of-00001 files"

    def write_columns(self, file: Path, blocks: Iterable[dict[str, NDArray[np.int32]]]) -> int:
        from penstock.formats._examples import encode_examples

        rows = 0
        with file.open("wb") as out:
            for columns in blocks:
                buffer, starts, stops = encode_examples(columns, before=HEADER, after=FOOTER)
                frame(buffer, starts, stops)
                out.write(buffer.data)
                rows += len(starts)
        return rows

    @staticmethod
    def open_shard(path: Path) -> ShardFile:
        return TfrecordFile(path)


def frame(buffer: NDArray[np.uint8], starts: NDArray[np.int64], stops: NDArray[np.int64]) -> None:
    """Write size and checksums around the records at `buffer[starts[i]:stops[i]]`.

    HEADER bytes are free before each and FOOTER bytes after it.
    """
    bounds = zip(starts.tolist(), stops.tolist(), strict=True)
    sizes = (stops - starts).astype("<u8")
    size_crcs = _masked_crcs([size.tobytes() for size in sizes])
    data_crcs = _masked_crcs([buffer[start:stop] for start, stop in bounds])
    buffer[starts[:, None] + np.arange(-12, -4)] = sizes.view(np.uint8).reshape(-1, 8)
    buffer[starts[:, None] + np.arange(-4, 0)] = size_crcs.view(np.uint8).reshape(-1, 4)
    buffer[stops[:, None] + np.arange(4)] = data_crcs.view(np.uint8).reshape(-1, 4)


def _masked_crcs(parts: Sequence[bytes | NDArray[np.uint8]]) -> NDArray[np.uint32]:
    crcs = np.array([google_crc32c.value(part) for part in parts], np.uint32)
    return (crcs >> np.uint32(15) | crcs << np.uint32(17)) + np.uint32(_MASK_DELTA)


def masked_crc(data: bytes) -> int:
    """Return the checksum of some bytes as TFRecord stores it."""
    crc = int(google_crc32c.value(data))
    return ((crc >> 15 | crc << 17) + _MASK_DELTA) & 0xFFFFFFFF


class TfrecordFile(ShardFile):
    """A TFRecord file; opening it reads the sizes of its records only."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._spans = self._scan()
        self.size = sum(size for _, size in self._spans)

    def __len__(self) -> int:
        return len(self._spans)

    def record(self, index: int) -> bytes:
        start, size = self._spans[index]
        data = os.pread(self.descriptor, size + FOOTER, start)
        record = data[:size]
        stored = int.from_bytes(data[size:], "little")
        if len(data) != size + FOOTER or masked_crc(record) != stored:
            message = f"record {index + 1}: the checksum does not match the record; {_FIX}"
            raise DataError(message, file=self.path)
        return record

    def _scan(self) -> list[tuple[int, int]]:
        """Return the start and size of each record."""
        end = os.fstat(self.descriptor).st_size
        spans: list[tuple[int, int]] = []
        at = 0
        while at < end:
            header = os.pread(self.descriptor, HEADER, at)
            record = f"record {len(spans) + 1}"
            size, crc = struct.unpack("<QI", header) if len(header) == HEADER else (end, None)
            if crc is not None and masked_crc(header[:8]) != crc:
                message = f"{record}: the checksum does not match the size; {_FIX}"
                raise DataError(message, file=self.path)
            if at + HEADER + size + FOOTER > end:
                raise DataError(f"is cut off in {record}; {_FIX}", file=self.path)
            spans.append((at + HEADER, size))
            at += HEADER + size + FOOTER
        return spans


FORMAT = Tfrecord
