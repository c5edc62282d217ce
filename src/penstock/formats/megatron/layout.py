"""The layout of an `.idx` file: a header and arrays.

All numbers are little-endian. After the header follow the length of each sequence in tokens
(int32), its address in the `.bin` in bytes (int64), the first sequence of each document and, last,
the number of sequences (int64), and, in multimodal data only, the mode of each sequence (int8). The
`.bin` contains only tokens. As written by megatron-core 0.16
(`megatron/core/datasets/indexed_dataset.py`).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from penstock.errors import ConfigError, DataError
from penstock.tokenization import storage_dtype

MAGIC = b"MMIDIDX\0\0"
_VERSION = 1
#: magic, version, dtype code, number of sequences, number of documents + 1
_HEADER = struct.Struct("<9sQBQQ")

LENGTH = np.dtype("<i4")
ADDRESS = np.dtype("<i8")
MODE = np.dtype("i1")

Codes = Literal["megatron", "deepspeed"]
_COMMON = {1: "u1", 2: "i1", 3: "<i2", 4: "<i4", 5: "<i8"}
#: The dtype of each code. DeepSpeed's copy of the format defines 6, 7 and 8 differently.
DTYPES: dict[Codes, dict[int, np.dtype[Any]]] = {
    "megatron": {c: np.dtype(t) for c, t in {**_COMMON, 6: "<f8", 7: "<f4", 8: "<u2"}.items()},
    "deepspeed": {c: np.dtype(t) for c, t in {**_COMMON, 6: "<u2", 7: "<u4", 8: "<u8"}.items()},
}


@dataclass(frozen=True)
class Layout:
    """The header of an `.idx`; with `modes` each sequence has a mode.

    `size` is that of the file and `lengths_at`, `addresses_at`, `documents_at` and `modes_at` are
    the offsets of its arrays, all in bytes.
    """

    dtype: np.dtype[Any]
    sequences: int
    documents: int
    modes: bool = False

    @property
    def lengths_at(self) -> int:
        return _HEADER.size

    @property
    def addresses_at(self) -> int:
        return self.lengths_at + LENGTH.itemsize * self.sequences

    @property
    def documents_at(self) -> int:
        return self.addresses_at + ADDRESS.itemsize * self.sequences

    @property
    def modes_at(self) -> int:
        return self.documents_at + ADDRESS.itemsize * (self.documents + 1)

    @property
    def size(self) -> int:
        return self.modes_at + MODE.itemsize * self.sequences * self.modes

    def header(self) -> bytes:
        """Return the bytes of the header."""
        code = next(c for c, dtype in DTYPES["megatron"].items() if dtype == self.dtype)
        return _HEADER.pack(MAGIC, _VERSION, code, self.sequences, self.documents + 1)


def read_layout(path: Path, size: int, head: bytes, codes: Codes) -> Layout:
    """Return the layout of an `.idx` of `size` bytes, given its first bytes.

    Raises DataError if it is not an `.idx`, or its size does not match its header.
    """
    if head[: len(MAGIC)] != MAGIC[: len(head)]:
        raise DataError("is not a Megatron index: it does not begin with MMIDIDX", file=path)
    if len(head) < _HEADER.size:
        raise DataError(wrong_size(size, _HEADER.size), file=path)
    _, version, code, sequences, marks = _HEADER.unpack_from(head)
    if version != _VERSION:
        raise DataError(f"has format version {version}; only version 1 is supported", file=path)
    if code not in DTYPES[codes]:
        message = f"the dtype code {code} is unknown; the header is damaged: copy the file again"
        raise DataError(message, file=path)
    if not marks:
        raise DataError("the header counts no document boundary, not even the end", file=path)
    for modes in (False, True):
        layout = Layout(DTYPES[codes][code], sequences, marks - 1, modes)
        if layout.size == size:
            return layout
    expected = Layout(DTYPES[codes][code], sequences, marks - 1).size
    message = f"{sequences:,} sequences and {marks - 1:,} documents: {wrong_size(size, expected)}"
    raise DataError(message, file=path)


def wrong_size(size: int, expected: int) -> str:
    """Return an error message, with the fix, for a file of the wrong size."""
    how = "it is truncated" if size < expected else "it is too long"
    return f"has {size:,} bytes, not {expected:,}; {how}: copy both files again, or rebuild them"


def megatron_dtype(vocab_size: int) -> np.dtype[Any]:
    """Return the little-endian dtype in which Megatron stores ids of a vocabulary."""
    return storage_dtype(vocab_size).newbyteorder("<")


def storable(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the stored form of a dtype; raises ConfigError if it has no code."""
    little = dtype.newbyteorder("<")
    if little not in DTYPES["megatron"].values():
        known = ", ".join(known.name for known in DTYPES["megatron"].values())
        raise ConfigError(f"the megatron format has no code for {dtype.name}; it has {known}")
    return little
