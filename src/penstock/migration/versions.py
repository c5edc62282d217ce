"""Datasets and versions as users name them: `mezo_gpt/version_13-2`, `mezo_gpt/latest`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath

from penstock.errors import ConfigError, did_you_mean
from penstock.files import natural_key
from penstock.migration.source_tree import SourceDataset, SourceTree

LATEST = "latest"
_NUMBERED = re.compile(
    r"(?:version|ver|v)?[-_. ]?(?P<number>[0-9]+(?:[-_.][0-9]+)*)", re.IGNORECASE
)


def version_number(name: str) -> tuple[int, ...] | None:
    """Return the numbers in the name of a version: `version_13-2` gives (13, 2), `v9` gives (9,).

    A name with any other word, such as `version_5-discard`, gives None: it is never the latest.
    """
    match = _NUMBERED.fullmatch(name)
    return tuple(int(part) for part in re.split(r"[-_.]", match["number"])) if match else None


def latest_versions(names: Iterable[str]) -> list[str]:
    """Return the names with the highest number (13-2 > 13-1 > 13 > 9-2); none if none has one."""
    numbered = [(number, name) for name in names if (number := version_number(name)) is not None]
    highest = max((number for number, _ in numbered), default=None)
    return sorted(name for number, name in numbered if number == highest)


def find_dataset(tree: SourceTree, name: str, option: str) -> SourceDataset:
    """Return the dataset with this name, in any case; raises ConfigError if there is none."""
    for dataset in tree.datasets.values():
        if dataset.name.casefold() == name.casefold():
            return dataset
    message = f"there is no dataset '{name}' in '{tree.root}'"
    raise ConfigError(message + _available(name, sorted(tree.datasets)), field=option)


def choices_by_dataset(
    tree: SourceTree, choices: Mapping[str, str], datasets: set[str], option: str
) -> dict[str, str]:
    """Return choices keyed by exact dataset names, which must be among `datasets`."""
    found: dict[str, str] = {}
    for given, value in choices.items():
        field = f"{option} {given}={value}"
        name = find_dataset(tree, given, field).name
        if name in found:
            raise ConfigError(f"'{name}' is given twice; keep one", field=field)
        if name not in datasets:
            raise ConfigError(f"'{name}' is not among the datasets of --only", field=field)
        found[name] = value
    return found


def picked_version(dataset: SourceDataset, value: str) -> tuple[str, str | None]:
    """Return the version that `--pick` names, and a note that says which one `latest` is.

    Raises ConfigError for a version that does not exist or has no train file: the dataset would
    bear the name of one version and contain the training rows of another.
    """
    option = f"--pick {dataset.name}={value}"
    path = _subdirectory(dataset, value, option)
    version, note = str(path), None
    if path.name == LATEST:
        version, note = _latest_in(dataset, path.parent, option)
    if version not in dataset.versions:
        available = _available(version, [*dataset.versions, *_latest_picks(dataset)])
        raise ConfigError(f"'{version}' is not a version{available}", field=option)
    if not dataset.has_file(version, "train"):
        usable = ", ".join(versions_with(dataset, "train")) or "none"
        name = dataset.task.file_name("train")
        message = f"'{version}' has no '{name}'; versions that have one: {usable}"
        raise ConfigError(message, field=option)
    return version, note


def versions_in(dataset: SourceDataset, value: str) -> list[str]:
    """Return the versions directly in a directory; raises ConfigError if there are none."""
    option = f"--all-versions {dataset.name}={value}"
    group = _subdirectory(dataset, value, option)
    versions = [v for v in dataset.versions if PurePosixPath(v).parent == group]
    if not versions:
        parents = sorted({str(PurePosixPath(version).parent) for version in dataset.versions})
        message = f"there are no versions directly in '{group}'"
        raise ConfigError(message + _available(str(group), parents), field=option)
    return versions


def versions_with(dataset: SourceDataset, split: str) -> list[str]:
    """Return the versions that have their own file for a split."""
    return [version for version in dataset.versions if dataset.has_file(version, split)]


def _subdirectory(dataset: SourceDataset, value: str, option: str) -> PurePosixPath:
    path = PurePosixPath(value)
    if not value or path.is_absolute() or ".." in path.parts:
        message = f"must name a directory below '{dataset.path}', such as mezo_gpt/version_1"
        raise ConfigError(message, field=option)
    return path


def _latest_in(dataset: SourceDataset, group: PurePosixPath, option: str) -> tuple[str, str]:
    directory = dataset.path / group
    if not directory.is_dir():
        available = _available(f"{group}/{LATEST}", _latest_picks(dataset))
        raise ConfigError(f"there is no directory '{group}'{available}", field=option)
    names = sorted((e.name for e in directory.iterdir() if e.is_dir()), key=natural_key)
    found = latest_versions(names)
    if len(found) != 1:
        why = f"{' and '.join(found)} have the same number" if found else "no name is only a number"
        message = f"there is no latest version: {why}; available: {', '.join(names) or 'none'}"
        raise ConfigError(message, field=option)
    others = [name for name in reversed(names) if name != found[0]]
    note = f"the latest version in {PurePosixPath(dataset.name, group)} is {found[0]}"
    return str(group / found[0]), note + (f"; the others are {', '.join(others)}" if others else "")


def _latest_picks(dataset: SourceDataset) -> list[str]:
    paths = [PurePosixPath(version) for version in dataset.versions]
    return sorted({str(path.parent / LATEST) for path in paths if version_number(path.name)})


def _available(word: str, known: Sequence[str]) -> str:
    listed = ", ".join(known) or "none"
    hint = did_you_mean(word, known)
    return f"{hint} Available: {listed}" if hint else f"; available: {listed}"
