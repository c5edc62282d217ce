"""The rows that LLaMA-Factory is to read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from penstock.errors import ConfigError
from penstock.files import plural
from penstock.formats.chat import (
    DATASET_INFO,
    DatasetEntry,
    EntryProblem,
    problem_with_rows,
    problems_of_entry,
    scan_chat_rows,
)
from penstock.runs import RunData
from penstock.training.chat import ChatRows

#: From so many rows it is told whether columns and tags are there.
_FIRST = 100


class Part(NamedTuple):
    """The entries of one split, by their names in `dataset_info.json`, and their rows.

    `warnings` say which of their settings LLaMA-Factory passes over.
    """

    names: list[str]
    rows: int
    warnings: tuple[str, ...] = ()


def parts_of(
    data: RunData,
    required: Collection[str] = ("train", "validation"),
    splits: Sequence[str] = ("train", "validation", "test"),
) -> dict[str, Part]:
    """Return what is there of some splits; every row is read.

    Raises what `ChatRows` raises: LLaMA-Factory would drop a row that is none with a warning and
    exit status 0, and evaluate on rows that it has trained on. Raises ConfigError for an entry by
    which it would read other rows than stand there.
    """
    rows = ChatRows(data, required, splits)
    warnings = {split: tuple(_warnings(rows, split)) for split in rows.entries}
    counts = Counter(split for split, _ in rows)
    return {
        split: Part([entry.name for entry in entries], counts[split], warnings[split])
        for split, entries in rows.entries.items()
    }


def require_entries(data: RunData) -> None:
    """Raise what `parts_of` raises for entries, by the first rows of each."""
    rows = ChatRows(data)
    for split in rows.entries:
        _warnings(rows, split)


def _warnings(rows: ChatRows, split: str) -> list[str]:
    """Return which settings of a split's entries are passed over; raise ConfigError for others."""
    warnings = []
    for entry in rows.entries[split]:
        problems = problems_of_entry(entry)
        if not any(problem.fatal for problem in problems):
            problems += _problems_with_rows(rows.path, entry)
        for problem in problems:
            words = f"'{entry.name}' {problem.message}"
            if problem.code != "entry-key-unknown":
                words += f"; {problem.fix}" if problem.fix else ""
                raise ConfigError(f"{rows.path / DATASET_INFO}: {words}", field=f"data.{split}")
            warnings.append(f"{words}: LLaMA-Factory passes over it")
    return warnings


def _problems_with_rows(directory: Path, entry: DatasetEntry) -> list[EntryProblem]:
    """Return what does not fit the first rows, and that not all are taken."""
    file = directory / (entry.file_name or "")
    found = islice(scan_chat_rows(file), _FIRST)
    problem = problem_with_rows(entry, [row for _, row in found if isinstance(row, dict)])
    problems = [problem] if problem else []
    if (wanted := entry.settings.get("num_samples")) is not None:
        message = f"takes num_samples, {plural(wanted, 'row')} at random"
        fix = "leave it out, and give the recipe a step `take`"
        problems.append(EntryProblem("entry-sampled", message, fix))
    return problems
