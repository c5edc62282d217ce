"""Rows of text as they lie in a part: JSON in UTF-8, as sequences of bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from penstock.batches import RowBatch, RowStats, TokenBatch
from penstock.jsonl import dump_row
from penstock.steps._fields import UnusableError


def as_bytes(
    batch: RowBatch, stats: RowStats, documents: Sequence[Sequence[dict[str, Any]]] | None = None
) -> TokenBatch:
    """Return rows as sequences of bytes (uint8), each row JSON in UTF-8 without a newline.

    A row is a document by itself, unless `documents` says which rows (one or more) became of each.
    What cannot be JSON, or cannot lie in the format of the dataset, is a bad row.
    """
    if documents is None:
        documents = [(row,) for row in batch.rows]
    rows, sequences, kept = [], [], []
    for index, document in enumerate(documents):
        try:
            dumped = [_dumped(row, stats) for row in document]
        except UnusableError as error:
            stats.bad(batch.numbers[index], str(error))
            continue
        rows += dumped
        sequences.append(len(dumped))
        kept.append(index)
    if len(kept) < len(batch):
        batch = batch.take(kept)
    return TokenBatch(
        ids=np.frombuffer(b"".join(rows), np.uint8),
        lengths=np.fromiter(map(len, rows), np.int32, len(rows)),
        sequences=np.array(sequences, np.int32),
        numbers=batch.numbers,
        columns=batch.columns,
    )


def _dumped(row: dict[str, Any], stats: RowStats) -> bytes:
    if problem := stats.problem_with(row):
        raise UnusableError(problem)
    try:
        return dump_row(row)
    except ValueError as error:
        raise UnusableError(f"{error}; list the others under `metadata`") from None
