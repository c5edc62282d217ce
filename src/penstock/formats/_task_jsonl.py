"""Task JSONL: `{prefix}_{train,validation,test}.jsonl`, the files that the MeZO loaders read.

Copa/
  copa_train.jsonl         required
  copa_validation.jsonl    required
  copa_test.jsonl          optional
  penstock.json            the manifest, if penstock wrote the dataset
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penstock.errors import ConfigError, DataError, did_you_mean, did_you_mean_path
from penstock.formats._locate import directories_with_files
from penstock.jsonl import read_rows
from penstock.manifest import Manifest, describe, read_manifest
from penstock.splits import SPLIT_NAMES
from penstock.tasks import Task, all_tasks, benchmark_task

TASK_JSONL = "task_jsonl"
REQUIRED_SPLITS = ("train", "validation")


@dataclass(frozen=True)
class TaskDirectory:
    """A directory for the files of one task."""

    path: Path
    task: Task

    def file(self, split: str) -> Path:
        """Return the path of the file of a split."""
        return self.path / self.task.file_name(split)

    def rows(self, split: str) -> list[dict[str, Any]]:
        """Return the rows of a split, each checked against the task.

        Raises DataError, naming file, line and field, for a missing or empty file and for the first
        invalid row.
        """
        path = self.file(split)
        if not path.is_file():
            valid = {self.task.file_name(split) for split in SPLIT_NAMES}
            present = {entry.name for entry in self.path.iterdir()} if self.path.is_dir() else set()
            hint = did_you_mean(path.name, present - valid)
            raise DataError(f"there is no such file{hint}", file=path)
        rows = []
        for number, row in read_rows(path):
            for field, _, problem in row_problems(self.task, row):
                raise DataError(f"{field} {problem}", file=path, line=number)
            rows.append(row)
        if not rows:
            raise DataError("the file has no rows; training on nothing is refused", file=path)
        return rows

    def answered_rows(self, split: str) -> list[dict[str, Any]]:
        """Return the rows of a split; raises DataError also for a row without an answer."""
        rows = self.rows(split)
        for number, row in enumerate(rows, 1):
            if not self.task.labelled(row):
                raise DataError(
                    f"{self.task.label_field} marks a row without an answer, which can be used "
                    "neither for training nor for evaluation",
                    file=self.file(split),
                    line=number,
                )
        return rows

    def manifest(self) -> Manifest:
        """Return the manifest, or a new one if there is none.

        Raises DataError if the files do not match the manifest.
        """
        manifest = read_manifest(self.path)
        if manifest is None:
            names = [self.task.file_name(s) for s in SPLIT_NAMES if self.file(s).is_file()]
            return describe(self.path, names, format=TASK_JSONL, task=self.task.name)
        manifest.require_unchanged(self.path)
        return manifest


def row_problems(task: Task, row: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield field, finding code and message of every problem of a row."""
    fields = task.fields
    valid = True
    for name, kind in fields.items():
        found = kind.problem(row[name]) if name in row else ("field-missing", "is missing")
        if found:
            valid = False
            yield name, *found
    for name in sorted(row.keys() - fields.keys()):
        yield name, "field-extra", f"is not a field of {task.name}"
    if valid and (problem := task.problem(row)):
        yield problem


def open_task_directory(path: Path, task: str | None = None) -> TaskDirectory:
    """Return the dataset at `path`, of the named task or the one that its files imply.

    Raises ConfigError if there is no directory or its files imply no task.
    """
    if not path.is_dir():
        raise ConfigError(f"there is no such directory{did_you_mean_path(path)}", file=path)
    if task is not None:
        return TaskDirectory(path, benchmark_task(task))
    recognised = recognise(path)
    if recognised is None:
        raise ConfigError("its files have no names of a known task; name the task", file=path)
    return TaskDirectory(path, recognised)


def find_task_directories(root: Path, *, follow_links: bool = False) -> list[TaskDirectory]:
    """Return every task directory at or below `root`, in the natural order of their paths.

    Links to directories are followed on request. Raises DataError for a directory that cannot be
    read.
    """
    try:
        next(root.iterdir(), None)
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}", file=root) from None
    directories = directories_with_files(root, follow_links=follow_links)
    return [TaskDirectory(path, task) for path, _ in directories if (task := recognise(path))]


def recognise(path: Path) -> Task | None:
    """Return the task of a directory, identified by its file names or by its own name.

    Names are compared without case, as a wrong case is a finding of the check.
    """
    # `.` has no name, and resolve() would replace the name of a link.
    path = Path(os.path.abspath(path))  # noqa: PTH100
    names = {entry.name.casefold() for entry in path.iterdir()}
    tasks = all_tasks()
    matching = [
        task for task in tasks if any(task.file_name(s).casefold() in names for s in SPLIT_NAMES)
    ]
    # ArcC_Cloze and ArcC_MC share their file names; the nearest directory name decides.
    for part in (path.name, *(parent.name for parent in path.parents)):
        for task in matching:
            if part.casefold() == task.directory.casefold():
                return task
    if matching:
        return matching[0]
    by_name = [task for task in tasks if task.directory.casefold() == path.name.casefold()]
    only_directories = bool(names) and all(entry.is_dir() for entry in path.iterdir())
    return by_name[0] if by_name and not only_directories else None
