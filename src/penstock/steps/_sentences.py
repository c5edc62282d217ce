"""Sentences of rows, as hashes: what is compared over a whole dataset."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock.batches import RowBatch, RowStats
from penstock.steps._columns import hashes
from penstock.steps._fields import made_of_rows, text_of
from penstock.text import Normalise, normalised


def hashed_sentences(
    batch: RowBatch, stats: RowStats, on: Sequence[str], normalise: Normalise, mend: str
) -> tuple[RowBatch, NDArray[np.uint64]]:
    """Return the rows whose fields `on` are text, and the hash of each once it is normalised.

    The hashes (BLAKE2b, 64 bits) are (rows, fields). Other rows are bad rows; `mend` follows what
    is wrong.
    """

    def sentences(row: dict[str, Any]) -> list[bytes]:
        texts = [normalised(text_of(row, name), normalise) for name in on]
        return [text.encode("utf-8", "surrogatepass") for text in texts]

    batch, found = made_of_rows(batch, stats, sentences, mend)
    return batch, hashes(chain.from_iterable(found)).reshape(len(batch), len(on))
