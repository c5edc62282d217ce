"""Packed rows written as by a build, and the columns expected of them."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from penstock.formats import FORMATS, Dataset, Format, OutputSpec, RowBlock, SplitShape

#: A row is its documents, a document its ids.
Rows = Sequence[Sequence[Sequence[int]]]

CONTEXT = 12
ROWS: Rows = [
    [[5, 6, 7], [8, 9]],
    [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]],
    [[0, 300, 20_000], [0], [1, 2]],
]


def random_rows(count: int, context: int, *, vocabulary: int = 50_257, seed: int = 0) -> Rows:
    """Return rows of documents of random lengths; some rows are full."""
    chance = random.Random(seed)
    rows = []
    for _ in range(count):
        documents, left = [], context - chance.choice((0, 0, 1, 5))
        while left > 0:
            length = chance.randint(1, left)
            documents.append([chance.randrange(vocabulary) for _ in range(length)])
            left -= length
        rows.append(documents)
    return rows


def block(rows: Rows, dtype: Any = np.int64) -> RowBlock:
    """Return rows as the block that a format writes."""
    documents = [document for row in rows for document in row]
    return RowBlock(
        np.array([token for document in documents for token in document], dtype),
        np.array([len(document) for document in documents], np.int32),
        np.array([0, *np.cumsum([len(row) for row in rows])], np.int64),
    )


def target(
    directory: Path,
    splits: Mapping[str, Rows],
    *,
    context: int | None = CONTEXT,
    pad_id: int | None = 0,
    vocab_size: int | None = 50_257,
) -> OutputSpec:
    """Return the output spec of these rows."""
    shapes = {
        split: SplitShape(
            len(rows), sum(map(len, rows)), sum(len(document) for row in rows for document in row)
        )
        for split, rows in splits.items()
    }
    return OutputSpec(directory, "notes", shapes, np.dtype(np.int64), context, pad_id, vocab_size)


def write(format: Format, spec: OutputSpec, splits: Mapping[str, Rows]) -> None:
    """Write a complete dataset, each shard from two blocks."""
    format.verify(spec)
    spec.directory.mkdir(parents=True)
    written = []
    for shard in format.shards(spec):
        rows = splits[shard.split][shard.start : shard.stop]
        half = len(rows) // 2
        blocks = [block(part) for part in (rows[:half], rows[half:]) if part]
        written += format.write(spec.directory, shard, spec, blocks)
    format.finish(spec.directory, spec, written)


def dataset(
    kind: str, directory: Path, splits: Mapping[str, Rows] | None = None, **settings: Any
) -> Dataset:
    """Write a dataset of a format and open it; `context` and `pad_id` go to the output spec."""
    splits = splits or {"train": ROWS}
    given = {key: settings.pop(key) for key in ("context", "pad_id") if key in settings}
    format = FORMATS.get(kind)(**settings)
    write(format, target(directory, splits, **given), splits)
    return format.open(directory)


def expected(documents: Sequence[Sequence[int]], context: int, pad: int) -> dict[str, list[int]]:
    """Return the columns of a row, computed token by token."""
    columns: dict[str, list[int]] = {
        "inputs": [],
        "targets": [],
        "inputs_position": [],
        "inputs_segmentation": [],
        "targets_segmentation": [],
    }
    for number, document in enumerate(documents, 1):
        for place, token in enumerate(document):
            last = place == len(document) - 1
            columns["inputs"].append(token)
            columns["targets"].append(pad if last else document[place + 1])
            columns["inputs_position"].append(place)
            columns["inputs_segmentation"].append(number)
            columns["targets_segmentation"].append(0 if last else number)
    fill = {"inputs": pad, "targets": pad}
    for name, column in columns.items():
        column += [fill.get(name, 0)] * (context - len(column))
    columns["targets_position"] = columns["inputs_position"]
    return columns


def assert_rows(found: Dataset, splits: Mapping[str, Rows], context: int, pad: int) -> None:
    """Assert that a dataset contains exactly these rows, in order."""
    assert found.splits == {split: len(rows) for split, rows in splits.items()}
    for split, rows in splits.items():
        read = list(found.rows(split))
        assert len(read) == len(rows)
        for row, documents in zip(read, rows, strict=True):
            made = {name: column.tolist() for name, column in row.columns.items()}
            assert made == expected(documents, context, pad)
            assert {column.dtype for column in row.columns.values()} == {np.dtype(np.int32)}
