"""What is to stand in the destination: the datasets, and the source of each of their files."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from penstock.errors import DataError
from penstock.formats import REQUIRED_SPLITS
from penstock.migration.picks import (
    by_dataset,
    dataset_named,
    picked_version,
    versions_of_group,
    versions_with,
)
from penstock.migration.source import SourceDataset, SourceFile, SourceTree


@dataclass(frozen=True)
class Wanted:
    """One dataset directory as it must come to stand, and the source of each split.

    `directory` is relative to the destination (`Copa`, `Copa/version_1`), `version` to the
    dataset's directory in the source.
    """

    directory: str
    dataset: SourceDataset
    version: str | None
    files: Mapping[str, SourceFile]


@dataclass
class Selection:
    """What is migrated. `passed_over` says, by dataset and version, why a version cannot be."""

    tree: SourceTree
    wanted: list[Wanted] = field(default_factory=list)
    passed_over: dict[tuple[str, str], str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def select(
    tree: SourceTree,
    *,
    pick: Mapping[str, str],
    all_versions: Mapping[str, str],
    only: Collection[str],
) -> Selection:
    """Decide which files of the tree make up which dataset, and read them.

    Raises ConfigError for a dataset or version that is not there, and DataError, for all of them at
    once, where a dataset would not be complete.
    """
    chosen = {dataset_named(tree, name, f"--only {name}").name for name in only}
    chosen = chosen or set(tree.datasets)
    picks = by_dataset(tree, pick, chosen, "--pick")
    groups = by_dataset(tree, all_versions, chosen, "--all-versions")
    selection = Selection(tree)
    problems: list[str] = []
    for name in sorted(chosen):
        dataset = tree.datasets[name]
        version, note = picked_version(dataset, picks[name]) if name in picks else (None, None)
        selection.notes += [note] if note else []
        wanted = _want(tree, dataset, name, version)
        problems += [f"{name}: {problem}" for problem in _problems(wanted)]
        selection.wanted.append(wanted)
        if name in groups:
            _want_each(selection, dataset, versions_of_group(dataset, groups[name]))
        selection.notes += _shared_files(selection, dataset)
    if problems:
        raise DataError(
            "not every dataset is complete, and nothing is written:\n  "
            + "\n  ".join(problems)
            + "\nAdd what is missing, pick a version that has it, or name the other datasets with "
            "--only",
            file=tree.root,
        )
    return selection


def _want(tree: SourceTree, dataset: SourceDataset, directory: str, version: str | None) -> Wanted:
    """Return a dataset of the version's files, and for splits that it lacks the dataset's own."""
    paths = dataset.files() | (dataset.files(version) if version else {})
    files = {split: tree.read(path) for split, path in paths.items()}
    return Wanted(directory, dataset, version, files)


def _problems(wanted: Wanted) -> Iterator[str]:
    """Say what is missing of the splits without which nothing can be trained and evaluated."""
    for split in REQUIRED_SPLITS:
        if split not in wanted.files:
            name, dataset = wanted.dataset.task.file_name(split), wanted.dataset
            versions = versions_with(dataset, split)
            hint = f"; --pick {dataset.name}={versions[-1]} has one" if versions else ""
            yield f"there is no '{name}' in '{dataset.path}'{hint}"
        elif not wanted.files[split].rows:
            yield f"'{wanted.files[split].path}' has no rows"


def _want_each(selection: Selection, dataset: SourceDataset, versions: list[str]) -> None:
    """Want each version that is complete in a directory of its own; say why others are not."""
    for version in versions:
        directory = f"{dataset.name}/{PurePosixPath(version).name}"
        if not dataset.has(version, "train"):
            problem = f"there is no '{dataset.task.file_name('train')}' in it"
        else:
            wanted = _want(selection.tree, dataset, directory, version)
            problem = ", ".join(_problems(wanted))
        if problem:
            selection.passed_over[dataset.name, version] = f"an incomplete version: {problem}"
        else:
            selection.wanted.append(wanted)


def _shared_files(selection: Selection, dataset: SourceDataset) -> Iterator[str]:
    """Say which splits a version does not have itself and takes from the dataset's directory."""
    versions: dict[str, list[str]] = {}
    for wanted in selection.wanted:
        if wanted.dataset is dataset and wanted.version:
            version = wanted.version
            shared = " and ".join(
                split for split in wanted.files if not dataset.has(version, split)
            )
            versions.setdefault(shared, []).append(version)
    for shared, names in versions.items():
        if shared:
            listed = ", ".join(dict.fromkeys(names))
            yield f"{dataset.name}: {shared} come from the dataset itself for {listed}"
