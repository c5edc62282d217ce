"""The original that synthetic data was made from: where it is, and what stands in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

from penstock.checks.task_jsonl.fingerprints import text_hash
from penstock.errors import ConfigError
from penstock.formats import TaskDirectory, find_task_directories
from penstock.jsonl import read_rows
from penstock.tasks import Row, Task

#: A row, which need not fit its task, and its line from 1.
NumberedRow = tuple[int, Row]


def text_hashes(task: Task, rows: Sequence[NumberedRow]) -> Iterator[tuple[int, int]]:
    """Yield the line and the hash of the main text of each row that has one."""
    main = task.text_fields[0]
    for line, row in rows:
        if has_text(row, main):
            yield line, text_hash(row[main])


def has_text(row: Row, field: str) -> bool:
    """Say whether a row, which need not fit its task, has text in a field."""
    return isinstance(row.get(field), str)


class Original:
    """The dataset that another one is compared with."""

    def __init__(self, directory: TaskDirectory) -> None:
        self.directory = directory

    def file(self, split: str) -> Path | None:
        """Return the file of a split, or None where the original has none."""
        path = self.directory.file(split)
        return path if path.is_file() else None

    def rows(self, split: str) -> Sequence[NumberedRow]:
        """Return the rows of a split with their line numbers; raises DataError at a bad line."""
        return list(read_rows(self.directory.file(split)))

    @cached_property
    def train_texts(self) -> Counter[int]:
        """How many train rows have each main text, by its hash."""
        rows = self.rows("train")
        return Counter(text for _, text in text_hashes(self.directory.task, rows))


def find_original(dataset: TaskDirectory, against: Path) -> Original:
    """Return the original of a dataset: `against` itself, or the dataset of the task below it.

    Where several are below, the one nearest to `against` is meant: `ORIGINAL/Copa` before
    `ORIGINAL/Copa/version_1`. Raises ConfigError where there is none, or no telling which.
    """
    task = dataset.task
    everything = find_task_directories(against, follow_links=True)
    found = [d for d in everything if d.task.name == task.name]
    depth = min((len(d.path.parts) for d in found), default=0)
    nearest = [d for d in found if len(d.path.parts) == depth]
    if not nearest:
        raise ConfigError(
            f"holds no original of {dataset.path}: no dataset of the task {task.name} "
            f"(such as {task.directory}/{task.file_name('train')})",
            file=against,
        )
    if len(nearest) > 1:
        choices = ", ".join(str(d.path) for d in nearest)
        raise ConfigError(f"name one original of {dataset.path}: {choices}", file=against)
    original = Original(nearest[0])
    if original.file("train") is None:
        raise ConfigError("the original has no train file", file=nearest[0].file("train"))
    return original
