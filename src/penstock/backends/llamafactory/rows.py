"""The rows that LLaMA-Factory is to read."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from penstock.errors import DataError
from penstock.formats.chat import ChatDataset
from penstock.runs import RunData
from penstock.training.chat import chosen_entries


class Part(NamedTuple):
    """The entries of one split, by their names in `dataset_info.json`, and their rows."""

    names: list[str]
    rows: int


def parts_of(data: RunData, required: Collection[str] = ("train", "validation")) -> dict[str, Part]:
    """Return what is there of train, validation and test; every row is read.

    Raises ConfigError for an entry or a required split that is not there; DataError, with file and
    line, for a row that LLaMA-Factory would drop, with a warning and exit status 0.
    """
    dataset = ChatDataset(Path(str(data.path)))
    parts = {}
    for split, entries in chosen_entries(dataset, data, required).items():
        rows = sum(1 for entry in entries for _ in dataset.messages_of_entry(entry))
        parts[split] = Part([entry.name for entry in entries], rows)
        if not rows:
            names = ", ".join(parts[split].names)
            raise DataError(f"has no rows for {split} ({names})", file=dataset.path)
    return parts
