"""Hashes that identify a batch of tokens and the content of a dataset."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from penstock.formats.megatron import IndexedReader

_PAGE = 1 << 14
_PAGES = 1 << 10


def fingerprint(batch: Any) -> str:
    """Return `sha256:<hex>` of the token ids of a batch, in order.

    `batch` is an array or tensor of ids, or a mapping with `input_ids`. The ids are hashed as
    little-endian int64, row after row, so that trainers with the same tokens in the same order get
    the same hash, whatever dtype, device and shape they use.
    """
    ids = batch["input_ids"] if isinstance(batch, Mapping) or hasattr(batch, "keys") else batch
    if hasattr(ids, "detach"):
        ids = ids.detach().cpu().numpy()
    ids = np.ascontiguousarray(ids, "<i8")
    return f"sha256:{hashlib.sha256(ids.data).hexdigest()}"


def content_hash(reader: IndexedReader) -> str:
    """Return `sha256:<hex>` of the content of a pair of files.

    It covers the sizes of both files and every byte of a file up to 16 MiB; of a larger file,
    1,024 evenly spaced pages of 16 KiB.
    """
    digest = hashlib.sha256()
    for path in (reader.idx_path, reader.bin_path):
        size = path.stat().st_size
        digest.update(f"{size}\n".encode())
        with path.open("rb") as stream:
            if size <= _PAGE * _PAGES:
                digest.update(stream.read())
                continue
            for number in range(_PAGES):
                stream.seek((size - _PAGE) * number // (_PAGES - 1))
                digest.update(stream.read(_PAGE))
    return f"sha256:{digest.hexdigest()}"
