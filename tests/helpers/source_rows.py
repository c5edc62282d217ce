"""The rows of a source, read split by split like in a build."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from penstock.batches import RowBatch, RowStats
from penstock.sources import SOURCES, Source


def make(kind: str, **settings: Any) -> Source:
    """Return a source with settings as in a recipe."""
    return SOURCES.get(kind).model_validate(settings)


def read(
    source: Source, *, split_bytes: int = 1 << 24, skip: bool = False
) -> tuple[list[dict[str, Any]], list[tuple[str, int, str]], dict[str, int]]:
    """Return the rows, the errors and the counts of a source."""
    rows: list[dict[str, Any]] = []
    errors: list[tuple[str, int, str]] = []
    counts: dict[str, int] = {}
    for input_split in source.input_splits(split_bytes):
        stats = RowStats(
            lambda number, input_split=input_split: source.locate(input_split, number), skip=skip
        )
        for batch in source.read(input_split, stats):
            assert isinstance(batch, RowBatch)
            assert len(batch.numbers) == len(batch.rows) > 0
            assert list(batch.numbers) == sorted(set(batch.numbers))
            rows += batch.rows
        errors += stats.errors
        for name, count in (*stats.current.dropped.items(), *stats.current.noted.items()):
            counts[name] = counts.get(name, 0) + count
    return rows, errors, counts


def rows_of(source: Source, *, split_bytes: int = 1 << 24) -> list[dict[str, Any]]:
    """Return every row of a source; bad rows raise."""
    return read(source, split_bytes=split_bytes)[0]


def texts_of(source: Source, *, split_bytes: int = 1 << 24) -> list[str]:
    """Return the text of every row of a source; bad rows raise."""
    return [row["text"] for row in rows_of(source, split_bytes=split_bytes)]


def write_lines(path: Path, lines: Iterable[str | bytes]) -> Path:
    """Write lines, each followed by a newline."""
    encoded = [line.encode() if isinstance(line, str) else line for line in lines]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(line + b"\n" for line in encoded))
    return path
