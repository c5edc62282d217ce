"""What of the source tree is not migrated, and what would take it along."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from penstock.files import natural_key
from penstock.migration.selection import Selection
from penstock.migration.source import SourceDataset
from penstock.migration.steps import LeftBehind
from penstock.splits import SPLIT_NAMES
from penstock.tasks import all_tasks


def left_behind(selection: Selection) -> Iterator[LeftBehind]:
    """Yield every file and directory below the source that no wanted dataset uses.

    A directory of which nothing is used is one entry, unless there are versions in it: then each of
    them is.
    """
    by_path = {dataset.path: dataset for dataset in selection.tree.datasets.values()}
    wanted = {item.dataset.path for item in selection.wanted}
    for entry in _listed(selection.tree.root):
        if entry not in by_path:
            yield _left(entry, _why_no_dataset(entry), selection)
        elif entry not in wanted:
            yield _left(entry, "not among the datasets of --only", selection)
        else:
            yield from _below(entry, by_path[entry], selection)


def _below(directory: Path, dataset: SourceDataset, selection: Selection) -> Iterator[LeftBehind]:
    used = {file.path for wanted in selection.wanted for file in wanted.files.values()}
    names = {dataset.task.file_name(split).casefold() for split in SPLIT_NAMES}
    for entry in _listed(directory):
        relative = entry.relative_to(dataset.path).as_posix()
        if entry in used:
            continue
        if any(entry in path.parents for path in used):
            yield from _below(entry, dataset, selection)
        elif reason := selection.passed_over.get((dataset.name, relative)):
            yield _left(entry, reason, selection)
        elif relative in dataset.versions:
            yield _version(entry, dataset, selection)
        elif any(version.startswith(f"{relative}/") for version in dataset.versions):
            yield from _below(entry, dataset, selection)
        elif entry.name.casefold() in names:
            yield _left(entry, "the picked version has its own", selection)
        else:
            yield _left(entry, f"no file of {dataset.task.name}", selection)


def _version(entry: Path, dataset: SourceDataset, selection: Selection) -> LeftBehind:
    version = entry.relative_to(dataset.path).as_posix()
    if not dataset.has(version, "train"):
        return _left(entry, f"a version without '{dataset.task.file_name('train')}'", selection)
    pick = f"{dataset.name}={version}"
    return _left(entry, f"a version; --pick {pick} takes it", selection, pick)


def _left(entry: Path, why: str, selection: Selection, pick: str | None = None) -> LeftBehind:
    return LeftBehind(entry, f"{entry.relative_to(selection.tree.root)}: {why}", pick)


def _why_no_dataset(entry: Path) -> str:
    for task in all_tasks():
        if entry.is_dir() and entry.name.casefold() == task.directory.casefold():
            return f"holds no file of {task.name}, such as '{task.file_name('train')}'"
    return "no dataset's directory"


def _listed(directory: Path) -> list[Path]:
    return sorted(directory.iterdir(), key=lambda entry: natural_key(entry.name))
