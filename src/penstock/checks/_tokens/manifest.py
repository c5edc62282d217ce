"""Whether the files of a token dataset are those that its manifest describes."""

from __future__ import annotations

from pathlib import Path

from penstock.checks import _codes as codes
from penstock.checks._collect import Collector
from penstock.checks._tokens.sample import READ_BYTES
from penstock.errors import DataError
from penstock.files import sha256_of
from penstock.manifest import (
    MANIFEST_NAME,
    FileEntry,
    Manifest,
    base_dir,
    find_manifest,
    manifest_path,
)


def check_manifest(dataset: Path, collector: Collector, *, full: bool) -> Manifest | None:
    """Compare the files with the manifest that tells of them, where there is one, and return it.

    Sizes are compared of all files; contents of all with `full`, else of the smallest ones until
    `READ_BYTES` are spent, which a finding says.
    """
    try:
        found = find_manifest(dataset)
    except DataError as error:
        place = Path(error.file)
        collector.add(codes.MANIFEST_UNREADABLE, error.message, file=place, line=error.line)
        return None
    if found is None:
        return None
    home = base_dir(found.owner)
    left = [entry for entry in found.files if _size_fits(home / entry.path, entry, collector)]
    left.sort(key=lambda entry: (entry.size, entry.path))
    budget, hashed = READ_BYTES, 0
    for entry in left:
        budget -= entry.size
        if budget < 0 and not full:
            break
        hashed += 1
        _compare(home / entry.path, entry, collector)
    if hashed < len(left):
        message = f"the content of the {hashed} smallest of {len(left)} files was compared"
        collector.add(codes.HASHES_SAMPLED, message, file=manifest_path(found.owner))
    return found.manifest


def _size_fits(path: Path, entry: FileEntry, collector: Collector) -> bool:
    """Find a file that is not there or not as long as it was."""
    if not path.is_file():
        _report(path, "is missing", collector)
        return False
    if (size := path.stat().st_size) != entry.size:
        _report(path, f"has {size:,} bytes, not {entry.size:,}", collector)
        return False
    return True


def _compare(path: Path, entry: FileEntry, collector: Collector) -> None:
    """Find a file of other content, and one that may not be read."""
    try:
        same = sha256_of(path) == entry.sha256
    except OSError as error:
        collector.add(codes.FILE_UNREADABLE, f"cannot be read: {error.strerror}", file=path)
        return
    if not same:
        _report(path, "has other content", collector)


def _report(path: Path, how: str, collector: Collector) -> None:
    collector.add(codes.MANIFEST_MISMATCH, f"{how}; {MANIFEST_NAME} says otherwise", file=path)
