"""Whether two engines say the same of the same texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from penstock.tokenization._base import Engine

#: What `Engine.encode` returns: ids and offsets.
Encoded = tuple[NDArray[np.uint32], NDArray[np.uint64]]

_CHUNK_CHARACTERS = 50_000


def chunks_of(texts: Iterable[str]) -> Iterator[list[str]]:
    """Yield consecutive texts, each time about as many as make a share of work for a thread."""
    chunk: list[str] = []
    size = 0
    for text in texts:
        chunk.append(text)
        size += len(text)
        if size >= _CHUNK_CHARACTERS:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def vocabulary_difference(candidate: Engine, reference: Engine) -> str | None:
    """Return in words what differs in what two engines know of a vocabulary, None where nothing."""
    if candidate.vocab_size != reference.vocab_size:
        return f"a vocabulary of {candidate.vocab_size:,}, not {reference.vocab_size:,} tokens"
    if candidate.added_tokens != reference.added_tokens:
        return "other added tokens"
    return None


def ids_difference(found: Iterable[Encoded], expected: Iterable[Encoded]) -> str | None:
    """Return in words where chunks of encoded texts first differ; the texts are numbered from 1."""
    before = 0
    for (ids, offsets), (right_ids, right_offsets) in zip(found, expected, strict=True):
        if not (np.array_equal(offsets, right_offsets) and np.array_equal(ids, right_ids)):
            rows, right = np.split(ids, offsets[1:-1]), np.split(right_ids, right_offsets[1:-1])
            wrong = [
                number
                for number, (row, other) in enumerate(zip(rows, right, strict=True), before + 1)
                if not np.array_equal(row, other)
            ]
            return f"other ids for text {wrong[0]}"
        before += len(offsets) - 1
    return None


def text_difference(candidate: Engine, reference: Engine, texts: Sequence[str]) -> str | None:
    """Return in words where two engines make different text of the same ids, or None."""
    for number, text in enumerate(texts, 1):
        ids = reference.encode([text])[0].tolist()
        if candidate.decode(ids) != reference.decode(ids):
            return f"other text from the ids of text {number}"
    return None
