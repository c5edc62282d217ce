"""Files and directories: atomic writes, hashes, natural order."""

from __future__ import annotations

import hashlib
import os
import queue
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

_STAGING = re.compile(r"^\..*\.partial$")
#: How many buffers may wait to be hashed. They are not copied.
_QUEUED_BUFFERS = 4


def write_atomic(path: Path, data: bytes | str) -> None:
    """Write `data` to `path` so that a reader sees either the old file or the new one.

    The bytes are on disk before the name is: a crash at any moment leaves either state.
    """
    data = data.encode() if isinstance(data, str) else data
    with staged_file(path) as staging, staging.open("wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
    sync(path.parent)


def staging_path(path: Path) -> Path:
    """Return the hidden path next to `path` where its content is prepared."""
    return path.with_name(f".{path.name}.partial")


def is_staging(name: str) -> bool:
    """Return True for a file name of the form that `staging_path` gives to unfinished output."""
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
    """Yield an unused path next to `target`; on success the file there replaces `target`.

    A staging file left by a killed process is removed first.
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
    """Yield an empty directory next to `target`; on success it is renamed to `target`.

    A staging directory left by a killed process is removed first.
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
    """Return `sha256:<hex>` of a file."""
    with path.open("rb") as stream:
        return f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"


class HashedFile:
    """A binary file that is hashed in a second thread while it is written in a `with` block.

    `sha256` is valid after the block. Buffers must not change after `write`. An error of the
    hashing thread is raised at the end of the block.
    """

    def __init__(self, path: Path) -> None:
        self._out = path.open("wb")
        self._digest = hashlib.sha256()
        self._buffers: queue.Queue[Any] = queue.Queue(_QUEUED_BUFFERS)
        self._failure: Exception | None = None
        self._hasher = threading.Thread(target=self._hash, daemon=True)

    @property
    def sha256(self) -> str:
        """`sha256:<hex>` of the file."""
        return f"sha256:{self._digest.hexdigest()}"

    def write(self, data: Any) -> None:
        """Append a bytes-like object."""
        self._buffers.put(data)
        self._out.write(data)

    def __enter__(self) -> Self:
        self._hasher.start()
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            self._out.close()  # fails if the disk is full
        finally:
            self._buffers.put(None)
            self._hasher.join()
        if self._failure is not None and error is None:
            raise self._failure

    def _hash(self) -> None:
        try:
            while (data := self._buffers.get()) is not None:
                self._digest.update(data)
        except Exception as failure:
            self._failure = failure
            while self._buffers.get() is not None:  # or `write` would block
                pass


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
    """Return a sort key for paths, with each part in natural order."""
    return [natural_key(part) for part in path.parts]


def entries_by_folded_name(directory: Path) -> dict[str, list[Path]]:
    """Return the sorted entries of a directory by case-folded name, without staging files."""
    grouped: dict[str, list[Path]] = {}
    for entry in sorted(directory.iterdir()):
        if not is_staging(entry.name):
            grouped.setdefault(entry.name.casefold(), []).append(entry)
    return grouped


def plural(count: int, noun: str) -> str:
    """Return `1 row`, `2 rows`, `1,000 rows`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
