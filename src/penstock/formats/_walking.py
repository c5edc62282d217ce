"""Directories of a tree in which datasets may lie."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from penstock.errors import DataError
from penstock.files import is_staging, natural_path_key


def directories_with_files(root: Path) -> Iterator[tuple[Path, list[str]]]:
    """Yield every directory at or below `root`, in natural order, with the names of its files.

    There is none where `root` is no directory. What is not finished is passed over, and links to
    directories are not followed. Raises DataError for a directory that cannot be read.
    """
    if not root.is_dir():
        return
    found = []
    for name, subdirectories, files in os.walk(root, onerror=_refuse):
        subdirectories[:] = [entry for entry in subdirectories if not is_staging(entry)]
        found.append((Path(name), sorted(entry for entry in files if not is_staging(entry))))
    yield from sorted(found, key=lambda pair: natural_path_key(pair[0]))


def _refuse(error: OSError) -> None:
    raise DataError(f"cannot be read: {error.strerror}", file=error.filename)
