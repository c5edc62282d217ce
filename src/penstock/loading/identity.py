"""How data are known again: the content of a dataset, and the tokens of a batch."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from penstock.formats.megatron import IndexedReader

_PAGE = 1 << 14
_PAGES = 1 << 10


def fingerprint(batch: Any) -> str:
    """Return `sha256:<hex>` of the ids of a batch, in their order.

    `batch` is an array or tensor of ids, or a mapping that has them under `input_ids`; the ids are
    hashed as little-endian int64, row after row, so that every trainer that saw the same tokens in
    the same order gets the same text, whatever its dtype, device and shape.
    """
    ids = batch["input_ids"] if isinstance(batch, Mapping) or hasattr(batch, "keys") else batch
    if hasattr(ids, "detach"):
        ids = ids.detach().cpu().numpy()
    ids = np.ascontiguousarray(ids, "<i8")
    return f"sha256:{hashlib.sha256(ids.data).hexdigest()}"


def content_of(reader: IndexedReader) -> str:
    """Return `sha256:<hex>` that names the content of a pair of files.

    It covers the sizes of both and every byte of a file up to 16 MiB; of a larger one, 1,024 pages
    of 16 KiB at even distances from the first to the last.
    """
    digest = hashlib.sha256()
    for path in (reader.idx_path, reader.bin_path):
        _add_file(digest, path)
    return f"sha256:{digest.hexdigest()}"


def _add_file(digest: Any, path: Path) -> None:
    with path.open("rb") as stream:
        size = path.stat().st_size
        digest.update(f"{size}\n".encode())
        if size <= _PAGE * _PAGES:
            digest.update(stream.read())
            return
        for number in range(_PAGES):
            stream.seek((size - _PAGE) * number // (_PAGES - 1))
            digest.update(stream.read(_PAGE))
