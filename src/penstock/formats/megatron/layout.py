"""The bytes of an `.idx` file: a header, and what lies where after it.

All numbers are little-endian. After the header come the length of each sequence in tokens (int32),
the address of each in the `.bin` in bytes (int64), the number of the sequence at which each
document begins and, last, the number of sequences (int64), and, in multimodal data alone, the mode
of each sequence (int8). The `.bin` is tokens and nothing else. As megatron-core 0.16 writes it
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
#: What a dtype code means. DeepSpeed's own copy of the format gives 6, 7 and 8 another meaning.
DTYPES: dict[Codes, dict[int, np.dtype[Any]]] = {
    "megatron": {c: np.dtype(t) for c, t in {**_COMMON, 6: "<f8", 7: "<f4", 8: "<u2"}.items()},
    "deepspeed": {c: np.dtype(t) for c, t in {**_COMMON, 6: "<u2", 7: "<u4", 8: "<u8"}.items()},
}


@dataclass(frozen=True)
class Layout:
    """What the header of an `.idx` says; with `modes` each sequence has one."""

    dtype: np.dtype[Any]
    sequences: int
    documents: int
    modes: bool = False

    @property
    def lengths_at(self) -> int:
        """Where the lengths begin, in bytes."""
        return _HEADER.size

    @property
    def addresses_at(self) -> int:
        """Where the addresses of the sequences begin."""
        return self.lengths_at + LENGTH.itemsize * self.sequences

    @property
    def documents_at(self) -> int:
        """Where the numbers of the documents' first sequences begin."""
        return self.addresses_at + ADDRESS.itemsize * self.sequences

    @property
    def modes_at(self) -> int:
        """Where the modes begin, or would."""
        return self.documents_at + ADDRESS.itemsize * (self.documents + 1)

    @property
    def size(self) -> int:
        """The size of the whole file in bytes."""
        return self.modes_at + MODE.itemsize * self.sequences * self.modes

    def header(self) -> bytes:
        """Return the first bytes of the file."""
        code = next(c for c, dtype in DTYPES["megatron"].items() if dtype == self.dtype)
        return _HEADER.pack(MAGIC, _VERSION, code, self.sequences, self.documents + 1)


def read_layout(path: Path, size: int, head: bytes, codes: Codes) -> Layout:
    """Return what the first bytes of an `.idx` of `size` bytes say.

    Raises DataError for what is no `.idx`, and for one whose size is not what its header tells.
    """
    if head[: len(MAGIC)] != MAGIC[: len(head)]:
        raise DataError("not an index of Megatron's: it does not begin with MMIDIDX", file=path)
    if len(head) < _HEADER.size:
        raise DataError(f"{cut_short(size, _HEADER.size)}", file=path)
    _, version, code, sequences, marks = _HEADER.unpack_from(head)
    if version != _VERSION:
        raise DataError(f"version {version} of the format; only version 1 is known", file=path)
    if code not in DTYPES[codes]:
        raise DataError(
            f"the dtype code {code} has no meaning; the header is damaged: copy the file again",
            file=path,
        )
    if not marks:
        raise DataError("the header counts no document, not even the end of the last", file=path)
    for modes in (False, True):
        layout = Layout(DTYPES[codes][code], sequences, marks - 1, modes)
        if layout.size == size:
            return layout
    told = Layout(DTYPES[codes][code], sequences, marks - 1).size
    raise DataError(
        f"{sequences:,} sequences and {marks - 1:,} documents: {cut_short(size, told)}", file=path
    )


def cut_short(size: int, told: int) -> str:
    """Say that a file has not the size that it should have, and the mend."""
    how = "it was cut short" if size < told else "it has more than it should"
    return f"has {size:,} bytes, not {told:,}; {how}: copy both files again, or make them again"


def megatron_dtype(vocab_size: int) -> np.dtype[Any]:
    """Return the dtype in which Megatron stores ids of a vocabulary, as it lies in the file."""
    return storage_dtype(vocab_size).newbyteorder("<")


def storable(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return a dtype as it is stored; raises ConfigError for one that has no code."""
    little = dtype.newbyteorder("<")
    if little not in DTYPES["megatron"].values():
        known = ", ".join(known.name for known in DTYPES["megatron"].values())
        raise ConfigError(f"the megatron format has no code for {dtype.name}; it has {known}")
    return little
