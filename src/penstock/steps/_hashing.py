"""Hashes of row fields: what steps on the whole dataset compare."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock.batches import RowBatch, RowStats
from penstock.steps._fields import map_rows, text_of
from penstock.text import Normalise, normalised


def hashes(contents: Iterable[bytes], *, bits: int = 64) -> NDArray[np.uint64]:
    """Return the BLAKE2b hash of each content, as a row of `bits` / 64 words."""
    digests = [blake2b(content, digest_size=bits // 8).digest() for content in contents]
    return np.frombuffer(b"".join(digests), "<u8").reshape(len(digests), bits // 64)


def sentence_hashes(
    batch: RowBatch, stats: RowStats, fields: Sequence[str], normalise: Normalise, hint: str
) -> tuple[RowBatch, NDArray[np.uint64]]:
    """Return the rows whose `fields` are text, and (rows, fields) hashes of the normalised texts.

    Other rows are bad rows; `hint` follows the reason.
    """

    def sentences(row: dict[str, Any]) -> list[bytes]:
        return [encoded(normalised(text_of(row, name), normalise)) for name in fields]

    batch, found = map_rows(batch, stats, sentences, hint)
    return batch, hashes(chain.from_iterable(found)).reshape(len(batch), len(fields))


def encoded(text: str) -> bytes:
    """Return a text as UTF-8, lone surrogates included."""
    return text.encode("utf-8", "surrogatepass")
