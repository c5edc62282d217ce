"""What the user names: datasets, versions (`mezo_gpt/version_13-2`, `mezo_gpt/latest`), groups."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from penstock.errors import ConfigError, did_you_mean
from penstock.files import natural_key
from penstock.migration.source import SourceDataset, SourceTree
from penstock.migration.versions import LATEST, latest, version_number


def dataset_named(tree: SourceTree, name: str, option: str) -> SourceDataset:
    """Return the dataset of this name, without regard to case; ConfigError when there is none."""
    for dataset in tree.datasets.values():
        if dataset.name.casefold() == name.casefold():
            return dataset
    known = sorted(tree.datasets)
    raise ConfigError(
        f"there is no dataset '{name}' in '{tree.root}'{_there(name, known)}", field=option
    )


def by_dataset(
    tree: SourceTree, choices: Mapping[str, str], chosen: set[str], option: str
) -> dict[str, str]:
    """Return choices by the exact names of their datasets, which must be among the chosen."""
    found: dict[str, str] = {}
    for given, value in choices.items():
        place = f"{option} {given}={value}"
        name = dataset_named(tree, given, place).name
        if name in found:
            raise ConfigError(f"'{name}' is named twice; keep one", field=place)
        if name not in chosen:
            raise ConfigError(f"'{name}' is not among the datasets of --only", field=place)
        found[name] = value
    return found


def picked_version(dataset: SourceDataset, value: str) -> tuple[str, str | None]:
    """Return the version that a pick means, and a note about it where the pick was `latest`.

    Raises ConfigError for a version that is not there or that has no train file, as the name of
    the version would then stand on the training rows of another.
    """
    option = f"--pick {dataset.name}={value}"
    path, note = _below(dataset, value, option), None
    if path.name == LATEST:
        path, note = _latest_of(dataset, path.parent, option)
    if str(path) not in dataset.versions:
        known = [*dataset.versions, *_latest_picks(dataset)]
        raise ConfigError(f"'{path}' is no version{_there(str(path), known)}", field=option)
    if not dataset.has(str(path), "train"):
        there = ", ".join(versions_with(dataset, "train")) or "none"
        raise ConfigError(
            f"'{path}' has no '{dataset.task.file_name('train')}'; versions that have one: {there}",
            field=option,
        )
    return str(path), note


def versions_of_group(dataset: SourceDataset, value: str) -> list[str]:
    """Return the versions that lie directly in a directory; ConfigError when there are none."""
    option = f"--all-versions {dataset.name}={value}"
    group = _below(dataset, value, option)
    versions = [v for v in dataset.versions if PurePosixPath(v).parent == group]
    if not versions:
        known = sorted({str(PurePosixPath(version).parent) for version in dataset.versions})
        raise ConfigError(
            f"no versions lie directly in '{group}'{_there(str(group), known)}", field=option
        )
    return versions


def versions_with(dataset: SourceDataset, split: str) -> list[str]:
    """Return the versions that have a file of their own for a split."""
    return [version for version in dataset.versions if dataset.has(version, split)]


def _below(dataset: SourceDataset, value: str, option: str) -> PurePosixPath:
    path = PurePosixPath(value)
    if not value or path.is_absolute() or ".." in path.parts:
        raise ConfigError(
            f"must name a directory below '{dataset.path}', such as mezo_gpt/version_1",
            field=option,
        )
    return path


def _latest_of(
    dataset: SourceDataset, group: PurePosixPath, option: str
) -> tuple[PurePosixPath, str]:
    directory = dataset.path / group
    if not directory.is_dir():
        raise ConfigError(
            f"there is no directory '{group}'{_there(f'{group}/{LATEST}', _latest_picks(dataset))}",
            field=option,
        )
    names = sorted((e.name for e in directory.iterdir() if e.is_dir()), key=natural_key)
    found = latest(names)
    if len(found) != 1:
        why = f"{' and '.join(found)} have the same number" if found else "none has only a number"
        there = ", ".join(names) or "none"
        raise ConfigError(f"no version is the latest: {why}; there: {there}", field=option)
    others = [name for name in reversed(names) if name != found[0]]
    note = f"the latest of {PurePosixPath(dataset.name, group)} is {found[0]}"
    return group / found[0], note + (f"; there are also {', '.join(others)}" if others else "")


def _latest_picks(dataset: SourceDataset) -> list[str]:
    paths = [PurePosixPath(version) for version in dataset.versions]
    return sorted({str(path.parent / LATEST) for path in paths if version_number(path.name)})


def _there(word: str, known: list[str]) -> str:
    listed = ", ".join(known) or "none"
    hint = did_you_mean(word, known)
    return f"{hint} There: {listed}" if hint else f"; there: {listed}"
