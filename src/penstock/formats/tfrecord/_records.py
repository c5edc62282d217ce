"""The TFRecord file: records one after the other, each with its size and two checksums.

    u64 size, u32 checksum of the size, the record, u32 checksum of the record

All little-endian. A checksum is a CRC-32C, rotated right by 15 bits, plus a constant
(tensorflow/core/lib/io/record_writer.h).
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

import google_crc32c
import numpy as np
from numpy.typing import NDArray

from penstock.errors import DataError
from penstock.formats._tfds_reading import ShardFile

HEADER = 12
FOOTER = 4
_MASK_DELTA = 0xA282EAD8
_MEND = "the file is damaged; restore it or build the dataset again"


def frame(buffer: NDArray[np.uint8], starts: NDArray[np.int64], stops: NDArray[np.int64]) -> None:
    """Fill in what stands around the records that lie in `buffer` from `starts` to `stops`.

    HEADER bytes are free before each and FOOTER bytes behind.
    """
    crc = google_crc32c.value
    sizes = (stops - starts).astype("<u8")
    size_crcs = _masked([crc(size.tobytes()) for size in sizes])
    data_crcs = _masked(
        [
            crc(buffer[start:stop])
            for start, stop in zip(starts.tolist(), stops.tolist(), strict=True)
        ]
    )
    buffer[starts[:, None] + np.arange(-12, -4)] = sizes.view(np.uint8).reshape(-1, 8)
    buffer[starts[:, None] + np.arange(-4, 0)] = size_crcs.view(np.uint8).reshape(-1, 4)
    buffer[stops[:, None] + np.arange(4)] = data_crcs.view(np.uint8).reshape(-1, 4)


def _masked(crcs: list[int]) -> NDArray[np.uint32]:
    values = np.array(crcs, np.uint32)
    return (values >> np.uint32(15) | values << np.uint32(17)) + np.uint32(_MASK_DELTA)


def _masked_crc(data: bytes) -> int:
    crc = int(google_crc32c.value(data))
    return ((crc >> 15 | crc << 17) + _MASK_DELTA) & 0xFFFFFFFF


class TfrecordFile(ShardFile):
    """A TFRecord file with the places of its records, found by the sizes alone."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._places = self._scan()
        self.size = sum(size for _, size in self._places)

    def __len__(self) -> int:
        """Return the number of records."""
        return len(self._places)

    def record(self, index: int) -> bytes:
        """Return a record; raises DataError when its checksum does not fit."""
        start, size = self._places[index]
        data = os.pread(self.descriptor, size + FOOTER, start)
        record = data[:size]
        if len(data) != size + FOOTER or _masked_crc(record) != int.from_bytes(
            data[size:], "little"
        ):
            raise DataError(
                f"record {index + 1}: the checksum does not fit the record; {_MEND}", file=self.path
            )
        return record

    def _scan(self) -> list[tuple[int, int]]:
        """Return where each record starts, and its size."""
        end = os.fstat(self.descriptor).st_size
        places: list[tuple[int, int]] = []
        at = 0
        while at < end:
            header = os.pread(self.descriptor, HEADER, at)
            number = len(places) + 1
            if len(header) < HEADER:
                raise DataError(f"breaks off in record {number}; {_MEND}", file=self.path)
            size, crc = struct.unpack("<QI", header)
            if _masked_crc(header[:8]) != crc:
                raise DataError(
                    f"record {number}: the checksum does not fit the size; {_MEND}", file=self.path
                )
            if at + HEADER + size + FOOTER > end:
                raise DataError(f"breaks off in record {number}; {_MEND}", file=self.path)
            places.append((at + HEADER, size))
            at += HEADER + size + FOOTER
        return places
