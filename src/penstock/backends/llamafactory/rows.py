"""The rows that LLaMA-Factory is to read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import NamedTuple

from penstock.runs import RunData
from penstock.training.chat import ChatRows


class Part(NamedTuple):
    """The entries of one split, by their names in `dataset_info.json`, and their rows."""

    names: list[str]
    rows: int


def parts_of(data: RunData, required: Collection[str] = ("train", "validation")) -> dict[str, Part]:
    """Return what is there of train, validation and test; every row is read.

    Raises what `ChatRows` raises: LLaMA-Factory would drop a row that is none with a warning and
    exit status 0, and evaluate on rows that it has trained on.
    """
    rows = ChatRows(data, required)
    counts = Counter(split for split, _ in rows)
    return {
        split: Part([entry.name for entry in entries], counts[split])
        for split, entries in rows.entries.items()
    }
