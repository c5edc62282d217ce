"""How many rows of a file, an entry or a split LLaMA-Factory would use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from penstock.files import plural
from penstock.formats.chat import DirectoryContents, FileContents

#: LLaMA-Factory trains on rows with these problems; it drops others, or stops at them.
_TRAINED_PROBLEMS = ("answer-empty", "prompt-empty")
#: A file with one of these does not load; nor do lines with a repeated key, nor does an array after
#: a byte order mark (datasets 4.0).
_LOAD_ERRORS = ("json-invalid", "not-utf8", "not-an-object")


class UsedRows(NamedTuple):
    """The rows that are used, the rows that there are, and the first file that does not load."""

    used: int
    rows: int
    broken: Path | None = None


def _loads(file: FileContents) -> bool:
    errors = _LOAD_ERRORS if file.is_array else (*_LOAD_ERRORS, "key-repeated")
    return not file.has_bom and not any(file.problems.get(code) for code in errors)


def trained_rows(file: FileContents) -> int:
    """Return how many rows of a file LLaMA-Factory makes into examples."""
    if not _loads(file):
        return 0
    problems = file.problems.items()
    return file.read - sum(count for code, count in problems if code not in _TRAINED_PROBLEMS)


def used_rows(
    contents: DirectoryContents, names: Sequence[str], max_samples: int | None = None
) -> UsedRows:
    """Return how many rows of some entries are used; none if one of the files does not load.

    `num_samples` of an entry samples its rows, `max_samples` of a training cuts what is sampled; a
    sample is assumed to have the same share of bad rows as the file.
    """
    used = total = 0
    broken = next((f.file for f in contents.files_of(names) if not _loads(f)), None)
    for name in names:
        files = contents.files.get(name, [])
        read, trained = sum(file.read for file in files), sum(map(trained_rows, files))
        wanted = contents.entries[name].settings.get("num_samples")
        sampled = wanted if wanted is not None and read else read
        sampled = sampled if max_samples is None else min(sampled, max_samples)
        used += trained if sampled == read else round(sampled * trained / read)
        total += read
    return UsedRows(0 if broken else used, total, broken)


def used_rows_lines(parts: Mapping[str, UsedRows]) -> Iterator[str]:
    """Yield one summary line for the parts that are used completely, and one per other part.

    Parts without rows are left out.
    """
    complete = [(name, part.rows) for name, part in parts.items() if part.used == part.rows > 0]
    if complete:
        counts = [f"{rows:,} of {name}" for name, rows in complete]
        counts[0] = f"{plural(complete[0][1], 'row')} of {complete[0][0]}"
        yield f"{', '.join(counts)}: LLaMA-Factory uses all"
    for name, (used, rows, broken) in parts.items():
        if broken:
            yield f"none of {plural(rows, 'row')} of {name} would be used: {broken} does not load"
        elif used < rows:
            yield f"{used:,} of {plural(rows, 'row')} of {name} would be used"
        elif used > rows:
            yield f"{plural(used, 'row')} would be sampled from the {rows:,} of {name}"
