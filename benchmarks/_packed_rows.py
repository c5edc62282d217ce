"""Packed rows and timing for the benchmarks of TFRecord and ArrayRecord."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from penstock.formats import RowBlock

VOCABULARY = 50_257


def packed_rows(rows: int, context: int) -> RowBlock:
    """Return full rows of documents of log-normal length with ids from the whole vocabulary."""
    chance = np.random.default_rng(0)
    lengths: list[int] = []
    first = [0]
    for _ in range(rows):
        left = context
        while left:
            lengths.append(min(left, int(chance.lognormal(5.9, 1)) + 1))
            left -= lengths[-1]
        first.append(len(lengths))
    ids = chance.integers(0, VOCABULARY, rows * context).astype(np.uint16)
    return RowBlock(ids, np.array(lengths, np.int32), np.array(first, np.int64))


def cpu_seconds(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun
