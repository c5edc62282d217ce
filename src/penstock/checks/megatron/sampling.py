"""A sample of the tokens of a `.bin/.idx` pair, read in few places."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock.checks._tokens.sample import SAMPLE_TOKENS, WINDOW_TOKENS, Sample, spread
from penstock.checks.megatron.index import Pair

_BLOCK_BYTES = 1 << 24


def sample_pair(pair: Pair) -> Sample:
    """Return all tokens of a small pair; blocks of tokens, evenly spread, of a large one.

    A block is cut where a sequence ends.
    """
    width = pair.layout.dtype.itemsize
    size = pair.tokens if pair.tokens <= SAMPLE_TOKENS else WINDOW_TOKENS
    windows = []
    with pair.bin_path.open("rb") as stream:
        for start in spread(pair.tokens - size + 1, SAMPLE_TOKENS // WINDOW_TOKENS).tolist():
            stream.seek(start * width)
            ids = np.frombuffer(stream.read(size * width), pair.layout.dtype)
            # numpy's own search would copy the whole array, which the file does not align.
            first, last = (
                bisect_left(pair.addresses, address)
                for address in (start * width + 1, (start + size) * width)
            )
            cuts = pair.addresses[first:last] // width - start
            windows += np.split(ids, cuts)
    return Sample.of(windows)


def blocks(pair: Pair) -> Iterator[NDArray[Any]]:
    """Yield every token of a pair, some megabytes at a time."""
    with pair.bin_path.open("rb") as stream:
        while block := stream.read(_BLOCK_BYTES):
            yield np.frombuffer(block, pair.layout.dtype)
