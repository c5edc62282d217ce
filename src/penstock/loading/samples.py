"""Tokens from where they lie into arrays of inputs and labels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from penstock.errors import DataError
from penstock.formats.megatron import IndexedReader
from penstock.loading.windows import Cut, Numbers, Windows

#: What a label is where there is nothing to predict (torch's cross entropy passes over it).
IGNORED = -100

Sample = dict[str, Numbers]


class SampleReader:
    """Reads samples by their numbers: `input_ids`, `labels`, `attention_mask` where `masked`.

    Places that hold no token are `pad_id` in the inputs and `IGNORED` in the labels.
    """

    def __init__(
        self,
        reader: IndexedReader,
        windows: Windows,
        cut: Cut,
        pad_id: int,
        *,
        masked: bool,
        vocab_size: int | None,
    ) -> None:
        self._reader, self._windows, self._cut = reader, windows, cut
        self._pad_id, self._masked, self._vocab_size = pad_id, masked, vocab_size

    def read(self, numbers: Numbers) -> Sample:
        """Return int64 arrays of shape (samples, length).

        Raises DataError for an id that the vocabulary does not have, where its size is known.
        """
        tokens, width = self._reader.ids, self._cut.length
        starts, counts = self._windows.spans(numbers)
        ids = _gather(tokens, starts, counts, width, self._pad_id)
        held = np.arange(width) < counts[:, None] if (counts < width).any() else None
        self._refuse_foreign(ids, starts)
        if self._cut.shifted:
            labels = _gather(tokens, starts + 1, counts - 1, width, IGNORED)
            self._refuse_foreign(labels, starts, besides=IGNORED)
        else:
            labels = ids.copy()
            if held is not None:
                labels[~held] = IGNORED
        found = {"input_ids": ids, "labels": labels}
        if self._masked:
            found["attention_mask"] = np.ones_like(ids) if held is None else held.astype(np.int64)
        return found

    def _refuse_foreign(self, ids: Numbers, starts: Numbers, besides: int | None = None) -> None:
        """Raise DataError where an id is none of the vocabulary."""
        if self._vocab_size is None:
            return
        wrong = (ids >= self._vocab_size) | (ids < 0)
        if besides is not None:
            wrong &= ids != besides
        if wrong.any():
            row, place = np.argwhere(wrong)[0].tolist()
            raise DataError(
                f"the id {ids[row, place]} in the window from token {starts[row]:,} is not below "
                f"vocab_size, {self._vocab_size:,}; the tokens are of another tokenizer",
                file=self._reader.bin_path,
            )


def _gather(
    tokens: NDArray[Any], starts: Numbers, counts: Numbers, width: int, fill: int
) -> Numbers:
    """Return an array (samples, width) whose row r holds `counts[r]` tokens from `starts[r]`.

    The rest of each row is `fill`; more than `width` tokens are not read. Rows that lie one behind
    the other are copied at once.
    """
    rows = len(starts)
    out = np.empty((rows, width), np.int64)
    full = not rows or int(counts.min()) >= width
    if full and (starts[1:] - starts[:-1] == width).all():
        first = int(starts[0]) if rows else 0
        out.reshape(-1)[:] = tokens[first : first + rows * width]
        return out
    for row, start, count in zip(out, starts.tolist(), counts.tolist(), strict=True):
        if count >= width:
            row[:] = tokens[start : start + width]
        else:
            row[:count] = tokens[start : start + count]
            row[count:] = fill
    return out
