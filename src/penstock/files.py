"""Files and directories: written whole or not at all, hashed, ordered, compared by case."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_STAGING = re.compile(r"^\..*\.partial$")


def write_atomic(path: Path, data: bytes | str) -> None:
    """Write `data` to `path` so that a reader sees the old file or the new one, never a part.

    The bytes are on disk before the name is: a crash at any moment leaves either state.
    """
    data = data.encode() if isinstance(data, str) else data
    with staged_file(path) as staging, staging.open("wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
    sync(path.parent)


def staging_path(path: Path) -> Path:
    """Return the hidden name beside `path` under which its content is prepared."""
    return path.with_name(f".{path.name}.partial")


def is_staging(name: str) -> bool:
    """Say whether a directory entry is something unfinished that `staging_path` named."""
    return bool(_STAGING.match(name))


def sync(path: Path) -> None:
    """Wait until the bytes of a file, or the names in a directory, are on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def staged_file(target: Path) -> Iterator[Path]:
    """Yield a free name beside `target`; what the block makes there replaces it if all ends well.

    What an earlier, killed process left under the staging name is removed first.
    """
    staging = staging_path(target)
    staging.unlink(missing_ok=True)
    try:
        yield staging
        staging.replace(target)
    except BaseException:
        staging.unlink(missing_ok=True)
        raise


@contextmanager
def staged_directory(target: Path) -> Iterator[Path]:
    """Yield a directory beside `target` that is renamed to `target` when the block ends well.

    What an earlier, killed process left under the staging name is removed first.
    """
    staging = staging_path(target)
    if staging.exists():
        shutil.rmtree(staging)
    staging.mkdir(parents=True)
    try:
        yield staging
        staging.rename(target)
        sync(target.parent)
    finally:
        with suppress(FileNotFoundError):
            shutil.rmtree(staging)


def sha256_of(path: Path) -> str:
    """Return `sha256:<hex>` of every byte of a file."""
    with path.open("rb") as stream:
        return f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"


def natural_key(text: str) -> tuple[tuple[int, int, str], ...]:
    """Return a sort key that orders digits by value: `v9-2` < `v13-1` < `v13-2`.

    Only equal texts have equal keys: `v01` < `v1`.
    """
    parts = (
        (1, int(part), "") if part.isdecimal() else (0, 0, part)
        for part in re.split(r"(\d+)", text)
        if part
    )
    return (*parts, (-1, 0, text))


def natural_path_key(path: Path) -> list[tuple[tuple[int, int, str], ...]]:
    """Return a sort key for paths, part by part in natural order."""
    return [natural_key(part) for part in path.parts]


def entries_by_folded_name(directory: Path) -> dict[str, list[Path]]:
    """Return the entries of a directory grouped by their case-folded name, in a fixed order."""
    grouped: dict[str, list[Path]] = {}
    for entry in sorted(directory.iterdir()):
        if not is_staging(entry.name):
            grouped.setdefault(entry.name.casefold(), []).append(entry)
    return grouped


def plural(count: int, noun: str) -> str:
    """Return `1 row`, `2 rows`, `1,000 rows`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
