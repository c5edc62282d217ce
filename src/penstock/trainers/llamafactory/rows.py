"""The rows that LLaMA-Factory is to read, by split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from itertools import islice
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
from penstock.splits import SPLIT_NAMES
from penstock.training.chat import ChatRows

#: So many first rows show whether columns and tags fit.
_FIRST = 100


class SplitRows(NamedTuple):
    """The entries of one split by name, their rows, and warnings about ignored settings."""

    names: list[str]
    rows: int
    warnings: tuple[str, ...] = ()


def read_splits(
    data: RunData,
    required: Collection[str] = ("train", "validation"),
    splits: Sequence[str] = SPLIT_NAMES,
) -> dict[str, SplitRows]:
    """Read every row of the given splits, and return the splits that exist.

    Raises what `ChatRows` raises: LLaMA-Factory would drop invalid rows with a warning and exit
    status 0, and would evaluate on rows that it has trained on. Raises ConfigError for an entry
    with which it would read other rows than the files hold.
    """
    rows = ChatRows(data, required, splits)
    warnings = {split: tuple(_check_split(rows, split)) for split in rows.entries}
    counts = Counter(split for split, _ in rows)
    return {
        split: SplitRows([entry.name for entry in entries], counts[split], warnings[split])
        for split, entries in rows.entries.items()
    }


def check_entries(data: RunData) -> None:
    """Raise what `read_splits` raises for entries; reads only the first rows of each."""
    rows = ChatRows(data)
    for split in rows.entries:
        _check_split(rows, split)


def _check_split(rows: ChatRows, split: str) -> list[str]:
    """Return warnings about ignored settings of a split's entries; raise ConfigError for others."""
    warnings = []
    for entry in rows.entries[split]:
        problems = problems_of_entry(entry)
        if not any(problem.fatal for problem in problems):
            problems += _problems_with_rows(rows, entry)
        for problem in problems:
            message = f"'{entry.name}' {problem.message}"
            if problem.code != "entry-key-unknown":
                message += f"; {problem.fix}" if problem.fix else ""
                raise ConfigError(f"{rows.path / DATASET_INFO}: {message}", field=f"data.{split}")
            warnings.append(f"{message}: LLaMA-Factory ignores it")
    return warnings


def _problems_with_rows(rows: ChatRows, entry: DatasetEntry) -> list[EntryProblem]:
    found = islice(scan_chat_rows(rows.path / (entry.file_name or "")), _FIRST)
    problem = problem_with_rows(entry, [row for _, row in found if isinstance(row, dict)])
    problems = [problem] if problem else []
    if (wanted := entry.settings.get("num_samples")) is not None:
        message = f"has num_samples, {plural(wanted, 'row')} at random"
        fix = "remove it, and give the recipe a step `take`"
        problems.append(EntryProblem("entry-sampled", message, fix))
    return problems
