"""The tree to migrate: its datasets, their files and versions. This module only reads."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from penstock.errors import ConfigError, DataError, did_you_mean_path
from penstock.files import entries_by_folded_name, is_staging, natural_key
from penstock.formats import find_task_directories
from penstock.splits import SPLIT_NAMES
from penstock.tasks import Task, all_tasks


@dataclass(frozen=True)
class SourceFile:
    """A file of the source tree. `size` is in bytes, `rows` counts the lines that are not blank."""

    path: Path
    size: int
    sha256: str
    rows: int


@dataclass(frozen=True)
class SourceDataset:
    """A dataset directory of the source tree; its name may differ in case from the task's.

    `versions` are the subdirectories that contain a file of the task, relative to `path`.
    """

    task: Task
    path: Path
    versions: tuple[str, ...]

    @property
    def name(self) -> str:
        """The exact name of the task's directory."""
        return self.task.directory

    def has_file(self, version: str, split: str) -> bool:
        """Return True if a version has its own file for a split; case does not matter."""
        return _contains(self.path / version, {self.task.file_name(split).casefold()})

    def files(self, version: str = ".") -> dict[str, Path]:
        """Return the file of each split in a version, by default in the dataset directory itself.

        Raises DataError for two files whose names differ only in case.
        """
        entries = entries_by_folded_name(self.path / version)
        names = {split: self.task.file_name(split) for split in SPLIT_NAMES}
        return {
            split: _single(entries[name.casefold()], name)
            for split, name in names.items()
            if name.casefold() in entries
        }


class SourceTree:
    """The datasets of a directory by their exact names. Each file is read at most once.

    Raises ConfigError if there is no dataset; the message names nearby directories that have some.
    """

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            kind = "is not a directory" if root.exists() else "there is no such directory"
            raise ConfigError(f"{kind}{did_you_mean_path(root)}", file=root)
        self.root = root
        self.datasets = {dataset.name: dataset for dataset in _find_datasets(root)}
        self._files: dict[Path, SourceFile] = {}
        if not self.datasets:
            raise ConfigError(_no_dataset_message(root), file=root)

    def read(self, path: Path) -> SourceFile:
        """Return size, hash and row count of a file; raises DataError if it cannot be read."""
        if path not in self._files:
            self._files[path] = _read(path)
        return self._files[path]


@contextmanager
def os_errors(path: Path, action: str) -> Iterator[None]:
    """Turn an OSError of the block into `PATH: cannot be ACTION`, a DataError."""
    try:
        yield
    except OSError as error:
        raise DataError(
            f"cannot be {action} ({error.strerror}); fix the cause and run the same command again",
            file=error.filename or path,
        ) from error


def task_file_names(task: Task) -> set[str]:
    """Return the case-folded names of a task's files."""
    return {task.file_name(split).casefold() for split in SPLIT_NAMES}


def _find_datasets(root: Path) -> Iterator[SourceDataset]:
    entries = entries_by_folded_name(root)
    for task in all_tasks():
        found = [
            entry
            for entry in entries.get(task.directory.casefold(), [])
            if entry.is_dir() or _is_broken_link(entry)
        ]
        if not found:
            continue
        path = _single(found, task.directory)
        if _is_broken_link(path):
            raise _broken_link_error(path)
        names = task_file_names(task)
        versions = [version.relative_to(path).as_posix() for version in _versions(path, names)]
        if versions or _contains(path, names):
            yield SourceDataset(task, path, tuple(sorted(versions, key=natural_key)))


def _versions(directory: Path, names: set[str]) -> Iterator[Path]:
    for entry in directory.iterdir():
        if not entry.is_dir() or is_staging(entry.name):
            continue
        if _contains(entry, names):
            yield entry
        # A symbolic link can be a version, but is not descended into: it could form a cycle.
        if not entry.is_symlink():
            yield from _versions(entry, names)


def _contains(directory: Path, names: set[str]) -> bool:
    return any(entry.name.casefold() in names for entry in directory.iterdir())


def _single(found: list[Path], name: str) -> Path:
    if len(found) > 1:
        names = " and ".join(f"'{path.name}'" for path in found)
        raise DataError(
            f"{names} differ only in case, and both could be '{name}'; keep one of them",
            file=found[0].parent,
        )
    return found[0]


def _read(path: Path) -> SourceFile:
    if _is_broken_link(path):
        raise _broken_link_error(path)
    with os_errors(path, "read"):
        if not path.is_file():
            raise DataError("is not a file; replace it by the file", file=path)
        digest = hashlib.sha256()
        size = rows = 0
        with path.open("rb") as stream:
            for line in stream:
                digest.update(line)
                size += len(line)
                rows += not line.isspace()
    return SourceFile(path, size, f"sha256:{digest.hexdigest()}", rows)


def _is_broken_link(path: Path) -> bool:
    return path.is_symlink() and not path.exists()


def _broken_link_error(path: Path) -> DataError:
    return DataError(f"a broken link to '{path.readlink()}'; fix or remove the link", file=path)


def _no_dataset_message(root: Path) -> str:
    tasks = all_tasks()
    names = ", ".join(task.directory for task in tasks)
    example = f"'{tasks[0].directory}/{tasks[0].file_name('train')}'"
    message = f"contains no dataset; expected directories {names} with files such as {example}"
    parents = (_dataset_parent(dataset.path, root) for dataset in find_task_directories(root))
    nearby = sorted({str(parent) for parent in parents if parent})
    if nearby:
        message += "; did you mean " + " or ".join(f"'{path}'" for path in nearby[:3]) + "?"
    return message


def _dataset_parent(directory: Path, root: Path) -> Path | None:
    """Return the parent of the dataset directory that contains `directory`, at or below `root`."""
    names = {task.directory.casefold() for task in all_tasks()}
    for path in (directory, *directory.parents):
        if path.name.casefold() in names:
            return path.parent
        if path == root:
            break
    return None
