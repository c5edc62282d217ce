"""The tree that is migrated: its datasets, their files and versions. Everything here only reads."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from penstock.errors import ConfigError, DataError, did_you_mean_beside
from penstock.files import entries_by_folded_name, is_staging, natural_key
from penstock.formats import find_task_directories
from penstock.splits import SPLIT_NAMES
from penstock.tasks import Task, all_tasks


@dataclass(frozen=True)
class SourceFile:
    """A file of the source tree as it was when it was read.

    `path` is its name in the tree, `size` is in bytes, `rows` counts the lines that hold something.
    """

    path: Path
    size: int
    sha256: str
    rows: int


@dataclass(frozen=True)
class SourceDataset:
    """A dataset's directory in the source tree, whatever the case of its name.

    `versions` are the directories below it that hold a file of the task, relative to it.
    """

    task: Task
    path: Path
    versions: tuple[str, ...]

    @property
    def name(self) -> str:
        """The exact name that its directory must have."""
        return self.task.directory

    def has(self, version: str, split: str) -> bool:
        """Say whether a version has a file of its own for a split, in whatever case."""
        return _holds(self.path / version, {self.task.file_name(split).casefold()})

    def files(self, version: str = ".") -> dict[str, Path]:
        """Return the file of each split that a version, or the dataset itself, has of its own.

        Raises DataError for two files whose names differ only in case.
        """
        entries = entries_by_folded_name(self.path / version)
        files = {}
        for split in SPLIT_NAMES:
            name = self.task.file_name(split)
            if found := entries.get(name.casefold()):
                files[split] = _only(found, name)
        return files


class SourceTree:
    """The datasets of a directory, by their exact names; each file is read at most once.

    Raises ConfigError where there is no dataset, and says where there may be some.
    """

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            kind = "is not a directory" if root.exists() else "there is no such directory"
            raise ConfigError(f"{kind}{did_you_mean_beside(root)}", file=root)
        self.root = root
        self.datasets = {dataset.name: dataset for dataset in _datasets(root)}
        self._read: dict[Path, SourceFile] = {}
        if not self.datasets:
            raise ConfigError(_nothing_found(root), file=root)

    def read(self, path: Path) -> SourceFile:
        """Return size, hash and rows of a file; raises DataError where it cannot be read."""
        if path not in self._read:
            self._read[path] = _read(path)
        return self._read[path]


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn the OSError of a block that reads below `path` into a DataError with its mend."""
    try:
        yield
    except OSError as error:
        raise DataError(
            f"cannot be read ({error.strerror}); make it readable and run the same command again",
            file=error.filename or path,
        ) from None


def _datasets(root: Path) -> Iterator[SourceDataset]:
    entries = entries_by_folded_name(root)
    for task in all_tasks():
        found = [
            entry
            for entry in entries.get(task.directory.casefold(), [])
            if entry.is_dir() or _is_broken_link(entry)
        ]
        if not found:
            continue
        path = _only(found, task.directory)
        if _is_broken_link(path):
            raise DataError(_broken(path), file=path)
        names = {task.file_name(split).casefold() for split in SPLIT_NAMES}
        versions = [version.relative_to(path).as_posix() for version in _versions(path, names)]
        if versions or _holds(path, names):
            yield SourceDataset(task, path, tuple(sorted(versions, key=natural_key)))


def _versions(directory: Path, names: set[str]) -> Iterator[Path]:
    for entry in directory.iterdir():
        if not entry.is_dir() or is_staging(entry.name):
            continue
        if _holds(entry, names):
            yield entry
        # A link is a version where it stands, but not a way on: it could lead back here.
        if not entry.is_symlink():
            yield from _versions(entry, names)


def _holds(directory: Path, names: set[str]) -> bool:
    return any(entry.name.casefold() in names for entry in directory.iterdir())


def _only(found: list[Path], name: str) -> Path:
    if len(found) > 1:
        others = " and ".join(f"'{path.name}'" for path in found)
        raise DataError(
            f"{others} differ only in case, and both could be '{name}'; keep one of them",
            file=found[0].parent,
        )
    return found[0]


def _read(path: Path) -> SourceFile:
    if _is_broken_link(path):
        raise DataError(_broken(path), file=path)
    with reading(path):
        if not path.is_file():
            raise DataError("is not a file; put the file in its place", file=path)
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


def _broken(path: Path) -> str:
    return f"a broken link to '{path.readlink()}'; mend the link or remove it"


def _nothing_found(root: Path) -> str:
    tasks = all_tasks()
    names = ", ".join(task.directory for task in tasks)
    example = f"'{tasks[0].directory}/{tasks[0].file_name('train')}'"
    message = f"holds no dataset; looked for the directories {names} with files such as {example}"
    holders = (_holder(dataset.path, root) for dataset in find_task_directories(root))
    nearby = sorted({str(holder) for holder in holders if holder})
    if nearby:
        message += "; did you mean " + " or ".join(f"'{path}'" for path in nearby[:3]) + "?"
    return message


def _holder(directory: Path, root: Path) -> Path | None:
    """Return where the dataset's directory lies that `directory` is part of, not above `root`."""
    names = {task.directory.casefold() for task in all_tasks()}
    for path in (directory, *directory.parents):
        if path.name.casefold() in names:
            return path.parent
        if path == root:
            break
    return None
