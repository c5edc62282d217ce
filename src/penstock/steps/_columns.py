"""Columns that a step leaves in `apply` for its own `arrange`: hashes of texts, marks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock.batches import RowBatch
from penstock.steps._order import Order


def with_column(batch: RowBatch, stem: str, values: NDArray[Any]) -> RowBatch:
    """Return the batch with a column of a step; a second step of the kind gets a second column."""
    name = f"{stem}_{len(_names(batch.columns, stem))}"
    return replace(batch, columns={**batch.columns, name: values})


def take_column(order: Order, stem: str) -> tuple[NDArray[Any], Order]:
    """Return the column of the first step of a kind, and the order without it."""
    name = _names(order.columns, stem)[0]
    others = {key: column for key, column in order.columns.items() if key != name}
    return order.columns[name], replace(order, columns=others)


def hashes(contents: Iterable[bytes], *, bits: int = 64) -> NDArray[np.uint64]:
    """Return a hash (BLAKE2b) of each, as a row of `bits` / 64 numbers."""
    digests = [blake2b(content, digest_size=bits // 8).digest() for content in contents]
    return np.frombuffer(b"".join(digests), "<u8").reshape(len(digests), bits // 64)


def _names(columns: dict[str, NDArray[Any]], stem: str) -> list[str]:
    """Return the names of the columns of steps of a kind, the first step's first."""
    return sorted(
        (name for name in columns if name.startswith(f"{stem}_")),
        key=lambda name: int(name.removeprefix(f"{stem}_")),
    )
