"""Which datasets and versions of the source are migrated, and which paths are not."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from penstock.errors import DataError
from penstock.files import natural_key
from penstock.formats import REQUIRED_SPLITS
from penstock.migration.plan import Unmigrated
from penstock.migration.source_tree import SourceDataset, SourceFile, SourceTree, task_file_names
from penstock.migration.versions import (
    choices_by_dataset,
    find_dataset,
    picked_version,
    versions_in,
    versions_with,
)
from penstock.tasks import all_tasks


@dataclass(frozen=True)
class SelectedDataset:
    """One dataset to write, and the source file of each split.

    `directory` is relative to the destination (`Copa`, `Copa/version_1`), `version` to the
    dataset's directory in the source.
    """

    directory: str
    dataset: SourceDataset
    version: str | None
    files: Mapping[str, SourceFile]


@dataclass
class Selection:
    """The datasets to write. `skipped` maps (dataset, version) to why a version is skipped."""

    tree: SourceTree
    datasets: list[SelectedDataset] = field(default_factory=list)
    skipped: dict[tuple[str, str], str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def select(
    tree: SourceTree,
    *,
    pick: Mapping[str, str],
    all_versions: Mapping[str, str],
    only: Collection[str],
) -> Selection:
    """Select the source file of every split of every dataset, and read these files.

    Raises ConfigError for a dataset or version that does not exist, and one DataError that lists
    every incomplete dataset.
    """
    names = {find_dataset(tree, name, f"--only {name}").name for name in only} or set(tree.datasets)
    picks = choices_by_dataset(tree, pick, names, "--pick")
    groups = choices_by_dataset(tree, all_versions, names, "--all-versions")
    selection = Selection(tree)
    problems: list[str] = []
    for name in sorted(names):
        dataset = tree.datasets[name]
        version, note = picked_version(dataset, picks[name]) if name in picks else (None, None)
        selection.notes += [note] if note else []
        selected = _select_version(tree, dataset, name, version)
        selection.datasets.append(selected)
        problems += [f"{name}: {problem}" for problem in _problems(selected)]
        if name in groups:
            _select_each(selection, dataset, versions_in(dataset, groups[name]))
        selection.notes += _shared_file_notes(selection, dataset)
    if problems:
        raise DataError(
            "some datasets are incomplete; nothing was written:\n  "
            + "\n  ".join(problems)
            + "\nAdd what is missing, pick a version that has it, or name the other datasets with "
            "--only",
            file=tree.root,
        )
    return selection


def _select_version(
    tree: SourceTree, dataset: SourceDataset, directory: str, version: str | None
) -> SelectedDataset:
    """Select the files of a version; splits that it lacks come from the dataset's directory."""
    paths = dataset.files() | (dataset.files(version) if version else {})
    files = {split: tree.read(path) for split, path in paths.items()}
    return SelectedDataset(directory, dataset, version, files)


def _problems(selected: SelectedDataset) -> Iterator[str]:
    """Yield one sentence for each required split that is missing or empty."""
    dataset = selected.dataset
    for split in REQUIRED_SPLITS:
        if split not in selected.files:
            name, versions = dataset.task.file_name(split), versions_with(dataset, split)
            hint = f"; --pick {dataset.name}={versions[-1]} has one" if versions else ""
            yield f"there is no '{name}' in '{dataset.path}'{hint}"
        elif not selected.files[split].rows:
            yield f"'{selected.files[split].path}' has no rows"


def _select_each(selection: Selection, dataset: SourceDataset, versions: list[str]) -> None:
    """Select each complete version as its own dataset; record why the others are skipped."""
    for version in versions:
        if not dataset.has_file(version, "train"):
            problem = f"there is no '{dataset.task.file_name('train')}' in it"
        else:
            directory = f"{dataset.name}/{PurePosixPath(version).name}"
            selected = _select_version(selection.tree, dataset, directory, version)
            problem = ", ".join(_problems(selected))
            if not problem:
                selection.datasets.append(selected)
        if problem:
            selection.skipped[dataset.name, version] = f"an incomplete version: {problem}"


def _shared_file_notes(selection: Selection, dataset: SourceDataset) -> Iterator[str]:
    """Yield which splits of the versions come from the dataset's own directory."""
    versions: dict[str, list[str]] = {}
    for selected in selection.datasets:
        if selected.dataset is dataset and (version := selected.version):
            shared = [split for split in selected.files if not dataset.has_file(version, split)]
            versions.setdefault(" and ".join(shared), []).append(version)
    for splits, names in versions.items():
        if splits:
            yield (
                f"{dataset.name}: {splits} of {', '.join(dict.fromkeys(names))} "
                f"come from the directory {dataset.name}"
            )


def find_unmigrated(selection: Selection) -> Iterator[Unmigrated]:
    """Yield every file and directory of the source that no selected dataset uses.

    An unused directory is one entry, unless it contains versions: then each version is one.
    """
    by_path = {dataset.path: dataset for dataset in selection.tree.datasets.values()}
    selected = {item.dataset.path for item in selection.datasets}
    for entry in _sorted_entries(selection.tree.root):
        if entry not in by_path:
            yield _unmigrated(entry, _why_not_a_dataset(entry), selection)
        elif entry not in selected:
            yield _unmigrated(entry, "not among the datasets of --only", selection)
        else:
            yield from _unused_below(entry, by_path[entry], selection)


def _unused_below(
    directory: Path, dataset: SourceDataset, selection: Selection
) -> Iterator[Unmigrated]:
    used = {file.path for selected in selection.datasets for file in selected.files.values()}
    for entry in _sorted_entries(directory):
        version = entry.relative_to(dataset.path).as_posix()
        if entry in used:
            continue
        if any(entry in path.parents for path in used):
            yield from _unused_below(entry, dataset, selection)
        elif reason := selection.skipped.get((dataset.name, version)):
            yield _unmigrated(entry, reason, selection)
        elif version in dataset.versions and dataset.has_file(version, "train"):
            pick = f"{dataset.name}={version}"
            yield _unmigrated(entry, f"a version; use --pick {pick}", selection, pick)
        elif version in dataset.versions:
            name = dataset.task.file_name("train")
            yield _unmigrated(entry, f"a version without '{name}'", selection)
        elif any(other.startswith(f"{version}/") for other in dataset.versions):
            yield from _unused_below(entry, dataset, selection)
        elif entry.name.casefold() in task_file_names(dataset.task):
            yield _unmigrated(entry, "the picked version has its own", selection)
        else:
            yield _unmigrated(entry, f"not a file of {dataset.task.name}", selection)


def _unmigrated(
    entry: Path, reason: str, selection: Selection, pick: str | None = None
) -> Unmigrated:
    return Unmigrated(entry, f"{entry.relative_to(selection.tree.root)}: {reason}", pick)


def _why_not_a_dataset(entry: Path) -> str:
    for task in all_tasks():
        if entry.is_dir() and entry.name.casefold() == task.directory.casefold():
            return f"contains no file of {task.name}, such as '{task.file_name('train')}'"
    return "not a dataset directory"


def _sorted_entries(directory: Path) -> list[Path]:
    return sorted(directory.iterdir(), key=lambda entry: natural_key(entry.name))
