"""The original of synthetic data, and the original row that each synthetic row was made from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import orjson

from penstock.checks.task_jsonl.rows import text_hash
from penstock.errors import ConfigError
from penstock.formats import TaskDirectory, find_task_directories
from penstock.jsonl import read_rows
from penstock.tasks import Row, Task

#: A line number (from 1) and its row, which may not fit the task.
NumberedRow = tuple[int, Row]


class Original:
    """The dataset that synthetic data is compared with."""

    def __init__(self, directory: TaskDirectory) -> None:
        self.directory = directory

    def file(self, split: str) -> Path | None:
        """Return the file of a split, or None if the original has none."""
        path = self.directory.file(split)
        return path if path.is_file() else None

    def rows(self, split: str) -> Sequence[NumberedRow]:
        """Return the rows of a split; raises DataError for a bad line."""
        return list(read_rows(self.directory.file(split)))

    @cached_property
    def train_texts(self) -> Counter[int]:
        """The number of train rows per main text, by hash."""
        return Counter(text for _, text in text_hashes(self.directory.task, self.rows("train")))


def find_original(dataset: TaskDirectory, against: Path) -> Original:
    """Return the original of a dataset: the dataset of its task at or below `against`.

    If there are several, the one nearest to `against` is used: `ORIGINAL/Copa` before
    `ORIGINAL/Copa/version_1`. Raises ConfigError if there is none, or no single nearest one.
    """
    task = dataset.task
    everything = find_task_directories(against, follow_links=True)
    found = [directory for directory in everything if directory.task.name == task.name]
    depth = min((len(directory.path.parts) for directory in found), default=0)
    nearest = [directory for directory in found if len(directory.path.parts) == depth]
    if not nearest:
        raise ConfigError(
            f"has no original of {dataset.path}: no dataset of the task {task.name} "
            f"(such as {task.directory}/{task.file_name('train')})",
            file=against,
        )
    if len(nearest) > 1:
        choices = ", ".join(str(directory.path) for directory in nearest)
        raise ConfigError(
            f"has several originals of {dataset.path}; name one: {choices}", file=against
        )
    original = Original(nearest[0])
    if original.file("train") is None:
        raise ConfigError("the original has no train file", file=nearest[0].file("train"))
    return original


def has_text(row: Row, name: str) -> bool:
    """Return True if a field is text; the row may not fit its task."""
    return isinstance(row.get(name), str)


def text_hashes(task: Task, rows: Iterable[NumberedRow]) -> Iterator[tuple[int, int]]:
    """Yield the line and the hash of the main text of each row that has one."""
    main = task.text_fields[0]
    for line, row in rows:
        if has_text(row, main):
            yield line, text_hash(row[main])


@dataclass
class Alignment:
    """Synthetic rows beside their original rows, in the order of the synthetic file.

    `pairs` has line, row and original row. `lost` has the original rows without a synthetic row,
    `added` the synthetic rows without an original row.
    """

    pairs: list[tuple[int, Row, Row]] = field(default_factory=list)
    lost: list[NumberedRow] = field(default_factory=list)
    added: list[NumberedRow] = field(default_factory=list)


def align(
    task: Task, rows: Sequence[NumberedRow], originals: Sequence[NumberedRow]
) -> Alignment | None:
    """Match rows with their originals; None if neither ids, fields nor positions can.

    Rows are matched by id, by position, and by the fields that synthetic data does not change. Each
    may be wrong (ids renumbered, rows shuffled or dropped), so the matching with the most agreement
    in those fields is returned.
    """
    stable = [name for name in task.fields if name not in (task.text_fields[0], task.id_field)]
    candidates = []
    if task.id_field is not None:
        candidates.append(_match_by_fields([task.id_field], rows, originals))
    if len(rows) == len(originals):
        pairs: list[tuple[int, Row, Row]] = [
            (line, row, original)
            for (line, row), (_, original) in zip(rows, originals, strict=True)
        ]
        candidates.append(Alignment(pairs))
    names = [name for name in stable if name != task.label_field]
    candidates.append(_match_by_fields(names, rows, originals))
    possible = [candidate for candidate in candidates if candidate is not None]
    return max(possible, key=lambda candidate: _agreement(candidate, stable), default=None)


def _match_by_fields(
    names: Sequence[str], rows: Sequence[NumberedRow], originals: Sequence[NumberedRow]
) -> Alignment | None:
    """Match rows by the values of some fields; None if these are not unique in the originals."""

    def key(row: Row) -> bytes:
        return orjson.dumps([row.get(name) for name in names], option=orjson.OPT_SORT_KEYS)

    index = {key(row): position for position, (_, row) in enumerate(originals)}
    if not names or len(index) < len(originals):
        return None
    alignment = Alignment()
    matched = set()
    for line, row in rows:
        position = index.get(key(row))
        if position is None:
            alignment.added.append((line, row))
        else:
            matched.add(position)
            alignment.pairs.append((line, row, originals[position][1]))
    alignment.lost = [row for position, row in enumerate(originals) if position not in matched]
    return alignment


def _agreement(alignment: Alignment, names: Sequence[str]) -> int:
    """Return the number of pairs that are equal in some fields."""
    return sum(
        all(row.get(name) == original.get(name) for name in names)
        for _, row, original in alignment.pairs
    )
