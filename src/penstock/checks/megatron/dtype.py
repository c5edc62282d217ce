"""Whether the dtype of a pair can hold its vocabulary, and whether others read it alike."""

from __future__ import annotations

import numpy as np

from penstock.checks import _codes as codes
from penstock.checks._collect import Collector
from penstock.checks.megatron.index import Pair
from penstock.formats.megatron import megatron_dtype

_UINT16 = np.dtype("<u2")


def check_dtype(pair: Pair, vocab_size: int | None, collector: Collector) -> None:
    """Find a dtype that is too narrow, or one that tools guess otherwise from the vocabulary.

    Megatron's builder takes int32 from 65,500 tokens, while its own `token_dtype_code` takes uint16
    up to 65,536: between the two, who guesses reads other tokens.
    """
    if vocab_size is None:
        return
    dtype = pair.layout.dtype
    if dtype.kind in "iu" and vocab_size - 1 > np.iinfo(dtype).max:
        message = f"{dtype.name} cannot hold a vocabulary of {vocab_size:,}"
        collector.add(codes.DTYPE_NARROW, message, file=pair.idx_path)
    elif dtype == _UINT16 != megatron_dtype(vocab_size):
        message = (
            f"{dtype.name} with a vocabulary of {vocab_size:,}, for which Megatron's builder takes "
            f"{megatron_dtype(vocab_size).name}"
        )
        collector.add(codes.DTYPE_GUESSED, message, file=pair.idx_path)
