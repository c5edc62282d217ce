"""Which engine does the work: fastokens where it gives the ids of tokenizers, else tokenizers."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from penstock.tokenization._base import Encoding, Engine, EngineRefusal
from penstock.tokenization._comparing import (
    chunks_of,
    ids_difference,
    text_difference,
    vocabulary_difference,
)
from penstock.tokenization._fastokens import FastokensEngine
from penstock.tokenization._huggingface import TokenizersEngine
from penstock.tokenization._odd_texts import odd_texts

#: How much of the input the engines are compared on, in bytes of UTF-8.
SAMPLE_BYTES = 1_000_000


def choose(path: Path, encoding: Encoding, sample: Iterable[str]) -> tuple[Engine, str]:
    """Return the engine for a tokenizer.json, and in words why it is this one.

    tokenizers encodes slowly and fastokens loads slowly, so both is done at once: the odd texts and
    the sample are encoded while fastokens still loads, then by both threads. Raises EngineRefusal
    where tokenizers cannot take the file either.
    """
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(2) as pool:
        loading = pool.submit(FastokensEngine, path, encoding)
        reference = TokenizersEngine(path, encoding)
        odd = odd_texts(reference.added_tokens)
        chunks = list(chunks_of([*odd, *sample]))
        expected = list(pool.map(reference.encode, chunks))
        try:
            candidate = loading.result()
            other = (
                vocabulary_difference(candidate, reference)
                or ids_difference(pool.map(candidate.encode, chunks), expected)
                or text_difference(candidate, reference, odd)
            )
        except EngineRefusal as refusal:
            return reference, str(refusal)
        except ValueError as error:
            other = f"{type(error).__name__} in place of ids"
    if other is not None:
        return reference, f"fastokens differs from tokenizers: {other}"
    size = sum(len(text.encode()) for chunk in chunks for text in chunk)
    return candidate, f"the ids of tokenizers on {size:,} bytes of odd texts and input"


def first_megabyte(texts: Iterable[str]) -> list[str]:
    """Return the texts that make up the first SAMPLE_BYTES; the last is cut off there."""
    taken = []
    left = SAMPLE_BYTES
    for text in texts:
        # A lone surrogate is a matter of its row, not of the engine.
        raw = text[:left].encode(errors="replace")[:left]
        taken.append(raw.decode(errors="ignore"))
        left -= len(raw)
        if left <= 0:
            break
    return taken
