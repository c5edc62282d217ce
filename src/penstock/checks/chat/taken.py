"""How many rows LLaMA-Factory makes examples of: of a split, or of what a training names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from penstock.checks.chat.directory import ChatFiles
from penstock.files import plural


class Taken(NamedTuple):
    """How many rows are taken, how many there are, and the first file that does not load."""

    rows: int
    there: int
    stops: Path | None = None


def taken(found: ChatFiles, names: Sequence[str], max_samples: int | None = None) -> Taken:
    """Return how many rows of some entries are taken.

    `num_samples` of an entry draws from its rows, `max_samples` of a training cuts what is drawn;
    of bad rows as many are thought to be drawn as they are a share of all. Nothing is taken where
    one of the files does not load.
    """
    rows = there = 0
    stops = next((file.file for file in found.of(names) if file.stops), None)
    for name in names:
        files = found.rows.get(name, [])
        read, trained = sum(file.read for file in files), sum(file.trained for file in files)
        wanted = found.entries[name].settings.get("num_samples")
        drawn = wanted if wanted is not None and read else read
        drawn = drawn if max_samples is None else min(drawn, max_samples)
        rows += trained if drawn == read else round(drawn * trained / read)
        there += read
    return Taken(0 if stops else rows, there, stops)


def words_of(parts: Mapping[str, Taken]) -> Iterator[str]:
    """Yield what to say of some parts: of all in one line that are taken whole, and of each other.

    A part of no rows is not spoken of.
    """
    whole = [(name, part) for name, part in parts.items() if part.rows == part.there > 0]
    if whole:
        counts = [f"{part.there:,} of {name}" for name, part in whole]
        (name, first), *_ = whole
        counts[0] = f"{plural(first.there, 'row')} of {name}"
        yield f"{', '.join(counts)}: LLaMA-Factory takes all"
    for name, part in parts.items():
        if part.stops:
            there = plural(part.there, "row")
            yield f"none of {there} of {name} would be taken: {part.stops} does not load"
        elif part.rows < part.there:
            yield f"{part.rows:,} of {plural(part.there, 'row')} of {name} would be taken"
        elif part.rows > part.there:
            yield f"{plural(part.rows, 'row')} would be drawn from the {part.there:,} of {name}"
