"""What a source gives, input_split by input_split, as a build would take it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from penstock.batches import RowBatch, RowStats
from penstock.sources import SOURCES, Source


def make(kind: str, **settings: Any) -> Source:
    """Return a source as a recipe would name it."""
    return SOURCES.get(kind).model_validate(settings)


def read(
    source: Source, *, piece_bytes: int = 1 << 24, skip: bool = False
) -> tuple[list[dict[str, Any]], list[tuple[str, int, str]], dict[str, int]]:
    """Return every row of a source, what was wrong, and the counts."""
    rows: list[dict[str, Any]] = []
    errors: list[tuple[str, int, str]] = []
    counts: dict[str, int] = {}
    for input_split in source.input_splits(piece_bytes):
        stats = RowStats(
            lambda number, input_split=input_split: source.place(input_split, number), skip=skip
        )
        for batch in source.read(input_split, stats):
            assert isinstance(batch, RowBatch)
            assert len(batch.numbers) == len(batch.rows) > 0
            assert list(batch.numbers) == sorted(set(batch.numbers))
            rows += batch.rows
        errors += stats.errors
        for name, count in stats.counts.items():
            counts[name] = counts.get(name, 0) + count
    return rows, errors, counts


def rows_of(source: Source, *, piece_bytes: int = 1 << 24) -> list[dict[str, Any]]:
    """Return every row of a source; what is wrong raises."""
    return read(source, piece_bytes=piece_bytes)[0]


def texts_of(source: Source, *, piece_bytes: int = 1 << 24) -> list[str]:
    """Return the text of every row of a source; what is wrong raises."""
    return [row["text"] for row in rows_of(source, piece_bytes=piece_bytes)]


def write_lines(path: Path, lines: Iterable[str | bytes]) -> Path:
    """Write lines, each with a newline behind it."""
    encoded = [line.encode() if isinstance(line, str) else line for line in lines]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(line + b"\n" for line in encoded))
    return path
