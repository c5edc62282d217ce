"""Finding datasets: the directories of a tree, and the one dataset that a path refers to."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from penstock.errors import ConfigError, DataError, did_you_mean_path
from penstock.files import is_staging, natural_path_key
from penstock.formats._base import FORMATS, Format
from penstock.manifest import read_manifest

Kind = TypeVar("Kind")

#: How many datasets an error lists.
_LISTED = 5


def directories_with_files(
    root: Path, *, follow_links: bool = False
) -> Iterator[tuple[Path, list[str]]]:
    """Yield every directory at or below `root`, in natural order, with the names of its files.

    Yields nothing if `root` is not a directory. Unfinished output is skipped. Links to directories
    are followed on request, except those to a directory that contains the link. Raises DataError
    for a directory that cannot be read.
    """
    if not root.is_dir():
        return
    found = []
    for name, subdirectories, files in os.walk(root, onerror=_refuse, followlinks=follow_links):
        directory = Path(name)
        subdirectories[:] = [
            entry
            for entry in subdirectories
            if not is_staging(entry) and not _is_loop(directory / entry)
        ]
        found.append((directory, sorted(entry for entry in files if not is_staging(entry))))
    yield from sorted(found, key=lambda pair: natural_path_key(pair[0]))


def _refuse(error: OSError) -> None:
    raise DataError(f"cannot be read: {error.strerror}", file=error.filename)


def _is_loop(path: Path) -> bool:
    """Return True if a directory is a link to one that contains it."""
    return path.is_symlink() and path.parent.resolve().is_relative_to(path.resolve())


def manifest_format(dataset: Path) -> str | None:
    """Return the format in a dataset's own manifest, None without a readable one."""
    try:
        manifest = read_manifest(dataset)
    except DataError:
        return None
    return manifest.format if manifest is not None else None


def find_dataset(path: Path, names: Iterable[str] | None = None) -> tuple[type[Format], Path]:
    """Return the dataset at a path, or the only one below it, and its format.

    `names` are the formats to look for; default: all. Raises ConfigError if there is no dataset or
    more than one, DataError for a directory that cannot be read.
    """
    names = FORMATS.names() if names is None else list(names)
    return only_dataset(path, find_datasets(path, names), names)


def find_datasets(path: Path, names: Iterable[str]) -> list[tuple[type[Format], Path]]:
    """Return every dataset of the named formats at or below a path, or at a prefix."""
    formats = [FORMATS.get(name) for name in names]
    return [(format, dataset) for format in formats for dataset in format.find(path)]


def only_dataset(
    path: Path, found: Sequence[tuple[Kind, Path]], names: Iterable[str]
) -> tuple[Kind, Path]:
    """Return the dataset that a path refers to: the one at the path, else the only one found.

    Raises ConfigError if there is no dataset of the named formats, or more than one.
    """
    at_path = [each for each in found if each[1] == path]
    if len(at_path or found) == 1:
        return (at_path or found)[0]
    if not path.exists() and not found:
        raise ConfigError(f"there is no such dataset{did_you_mean_path(path)}", file=path)
    if not found:
        raise ConfigError(f"holds no dataset of a known format ({', '.join(names)})", file=path)
    datasets = sorted({dataset for _, dataset in found}, key=natural_path_key)
    listed = [*map(str, datasets[:_LISTED]), *(["..."] if len(datasets) > _LISTED else [])]
    raise ConfigError(f"holds {len(found)} datasets; name one: {', '.join(listed)}", file=path)
