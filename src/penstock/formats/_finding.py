"""The one dataset that a path stands for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from penstock.errors import ConfigError, did_you_mean_beside
from penstock.files import natural_path_key
from penstock.formats._base import Format
from penstock.formats._registry import FORMATS

Kind = TypeVar("Kind")

#: How many datasets an error names.
_NAMED = 5


def find_dataset(path: Path, names: Iterable[str] | None = None) -> tuple[type[Format], Path]:
    """Return the one dataset at a path, or the only one below it, and its format.

    `names` are the formats that are looked for: all, unless named. Raises ConfigError where there
    is none or more than one, DataError for a directory that cannot be read.
    """
    names = FORMATS.names() if names is None else list(names)
    return only_dataset(path, find_datasets(path, names), names)


def find_datasets(path: Path, names: Iterable[str]) -> list[tuple[type[Format], Path]]:
    """Return every dataset of some formats at or below a path, or at a prefix."""
    formats = [FORMATS.get(name) for name in names]
    return [(format, dataset) for format in formats for dataset in format.find(path)]


def only_dataset(
    path: Path, found: Sequence[tuple[Kind, Path]], names: Iterable[str]
) -> tuple[Kind, Path]:
    """Return the one of the datasets found that a path stands for: that at the path, or the only.

    Raises ConfigError where there is none of the formats of these names, or more than one.
    """
    here = [each for each in found if each[1] == path]
    if len(here or found) == 1:
        return (here or found)[0]
    if not path.exists() and not found:
        raise ConfigError(f"there is no such dataset{did_you_mean_beside(path)}", file=path)
    if not found:
        raise ConfigError(f"holds no dataset of a known format ({', '.join(names)})", file=path)
    datasets = sorted({dataset for _, dataset in found}, key=natural_path_key)
    listed = [*map(str, datasets[:_NAMED]), *(["..."] if len(datasets) > _NAMED else [])]
    raise ConfigError(f"holds {len(found)} datasets; name one: {', '.join(listed)}", file=path)
