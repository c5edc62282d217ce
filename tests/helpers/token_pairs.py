"""Pairs of `.bin` and `.idx` for tests, written document by document."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from penstock.formats.megatron import write_pair


def write_documents(
    prefix: Path, documents: Sequence[Sequence[Sequence[int]]], dtype: Any = np.uint16
) -> Path:
    """Write documents, each a list of sequences of ids; return the prefix."""
    stored = np.dtype(dtype).newbyteorder("<")
    prefix.parent.mkdir(parents=True, exist_ok=True)
    sequences = sum(len(document) for document in documents)
    with write_pair(prefix, stored, sequences=sequences, documents=len(documents)) as out:
        for document in documents:
            ids = np.array([token for sequence in document for token in sequence], stored)
            lengths = np.array([len(sequence) for sequence in document], np.int32)
            out.add(ids, lengths, np.array([len(document)], np.int32))
    return prefix


def write_flat(prefix: Path, *lengths: int, dtype: Any = np.uint16) -> Path:
    """Write documents of these lengths, one sequence each; the n-th token of all has the id n."""
    ends = np.cumsum(lengths).tolist()
    starts = [0, *ends[:-1]]
    documents = [[list(range(a, b))] for a, b in zip(starts, ends, strict=True)]
    return write_documents(prefix, documents, dtype)
