"""Task JSONL: a directory with `{prefix}_{train,validation,test}.jsonl`, as the MeZO loaders read.

Copa/
  copa_train.jsonl         required
  copa_validation.jsonl    required
  copa_test.jsonl          optional
  penstock.json            the manifest, where penstock wrote the dataset
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock.errors import ConfigError, DataError, did_you_mean, did_you_mean_path
from penstock.files import is_staging, natural_path_key
from penstock.jsonl import read_rows
from penstock.manifest import Manifest, describe, read_manifest
from penstock.splits import SPLIT_NAMES
from penstock.tasks import Task, all_tasks, benchmark_task

TASK_JSONL = "task_jsonl"
REQUIRED_SPLITS = ("train", "validation")


@dataclass(frozen=True)
class TaskDirectory:
    """A directory that holds, or should hold, the files of one task."""

    path: Path
    task: Task

    def file(self, split: str) -> Path:
        """Return where the file of a split must be."""
        return self.path / self.task.file_name(split)

    def rows(self, split: str) -> list[dict[str, Any]]:
        """Return the rows of a split, each checked against the task.

        Raises DataError, naming file, line and field, for a missing or empty file and for the
        first row that is not one of the task.
        """
        path = self.file(split)
        if not path.is_file():
            right = {self.task.file_name(split) for split in SPLIT_NAMES}
            there = {entry.name for entry in self.path.iterdir()} if self.path.is_dir() else set()
            hint = did_you_mean(path.name, there - right)
            raise DataError(f"there is no such file{hint}", file=path)
        rows = []
        for number, row in read_rows(path):
            for field, _, words in row_problems(self.task, row):
                raise DataError(f"{field} {words}", file=path, line=number)
            rows.append(row)
        if not rows:
            raise DataError("the file has no rows; training on nothing is refused", file=path)
        return rows

    def answered_rows(self, split: str) -> list[dict[str, Any]]:
        """Return the rows of a split as `rows` does; raises DataError for one without an answer."""
        rows = self.rows(split)
        for number, row in enumerate(rows, 1):
            if not self.task.labelled(row):
                raise DataError(
                    f"{self.task.label_field} says that the row has no answer; it can neither "
                    "train nor be evaluated",
                    file=self.file(split),
                    line=number,
                )
        return rows

    def manifest(self) -> Manifest:
        """Return what the dataset is: its manifest, proved byte by byte, or one made on the spot.

        Raises DataError when the files are no longer what the manifest says.
        """
        manifest = read_manifest(self.path)
        if manifest is None:
            names = [self.task.file_name(s) for s in SPLIT_NAMES if self.file(s).is_file()]
            return describe(self.path, names, format=TASK_JSONL, task=self.task.name)
        manifest.require_unchanged(self.path)
        return manifest


def row_problems(task: Task, row: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield field, finding code and words for everything that is wrong with a row."""
    fields = task.fields
    sound = True
    missing = 0
    for name, kind in fields.items():
        if name not in row:
            missing += 1
            yield name, "field-missing", "is missing"
        elif problem := kind.problem(row[name]):
            sound = False
            yield name, *problem
    sound = sound and not missing
    if len(row) > len(fields) - missing:
        for name in sorted(row.keys() - fields.keys()):
            yield name, "field-extra", f"is not a field of {task.name}"
    if sound and (across := task.problem(row)):
        yield across


def open_task_directory(path: Path, task: str | None = None) -> TaskDirectory:
    """Return the dataset at `path`, of the task that is named or that its files tell.

    Raises ConfigError where there is no directory or no telling which task it holds.
    """
    if not path.is_dir():
        raise ConfigError(f"there is no such directory{did_you_mean_path(path)}", file=path)
    if task is not None:
        return TaskDirectory(path, benchmark_task(task))
    recognised = recognise(path)
    if recognised is None:
        raise ConfigError("no task has files of these names; name the task", file=path)
    return TaskDirectory(path, recognised)


def find_task_directories(root: Path, *, follow_links: bool = False) -> list[TaskDirectory]:
    """Return every task directory at or below `root`, in the order of their paths.

    Links to directories are followed when asked to. Raises DataError for a directory that cannot
    be read.
    """
    found = []
    for directory, subdirectories, _ in os.walk(root, onerror=_refuse, followlinks=follow_links):
        path = Path(directory)
        subdirectories[:] = sorted(
            name for name in subdirectories if not is_staging(name) and not _leads_back(path / name)
        )
        task = recognise(path)
        if task is not None:
            found.append(TaskDirectory(path, task))
    return sorted(found, key=lambda dataset: natural_path_key(dataset.path))


def _refuse(error: OSError) -> None:
    raise DataError(f"cannot be read: {error.strerror}", file=error.filename)


def _leads_back(path: Path) -> bool:
    """Say whether a directory is a link to one that holds it."""
    return path.is_symlink() and path.parent.resolve().is_relative_to(path.resolve())


def recognise(path: Path) -> Task | None:
    """Return the task whose directory this is, told by its files' names or by its own.

    Names are compared without case: a wrong case is for the check to find.
    """
    # `.` has no name of its own; resolve() would lose the name of a link.
    path = Path(os.path.abspath(path))  # noqa: PTH100
    names = {entry.name.casefold() for entry in path.iterdir()}
    tasks = all_tasks()
    fitting = [
        task for task in tasks if any(task.file_name(s).casefold() in names for s in SPLIT_NAMES)
    ]
    # ArcC_Cloze and ArcC_MC share their file names; the nearest directory name tells them apart.
    for part in (path.name, *(parent.name for parent in path.parents)):
        for task in fitting:
            if part.casefold() == task.directory.casefold():
                return task
    if fitting:
        return fitting[0]
    by_name = [task for task in tasks if task.directory.casefold() == path.name.casefold()]
    return by_name[0] if by_name and not _holds_directories_only(path) else None


def _holds_directories_only(path: Path) -> bool:
    entries = list(path.iterdir())
    return bool(entries) and all(entry.is_dir() for entry in entries)
