"""Whether the files of a token dataset are those that its manifest describes."""

from __future__ import annotations

from pathlib import Path

from penstock.checks import _codes as codes
from penstock.checks._collect import Collector
from penstock.checks._tokens.sample import READ_BYTES
from penstock.errors import DataError
from penstock.files import sha256_of
from penstock.manifest import MANIFEST_NAME, FileEntry, Manifest, manifest_path, read_manifest


def check_manifest(dataset: Path, collector: Collector, *, full: bool) -> Manifest | None:
    """Compare the files with the manifest, where there is one, and return it.

    Sizes are compared of all files; contents of all with `full`, else of the smallest ones until
    `READ_BYTES` are spent, which a finding says.
    """
    path = manifest_path(dataset)
    try:
        manifest = read_manifest(dataset)
    except DataError as error:
        collector.add(codes.MANIFEST_UNREADABLE, error.message, file=path, line=error.line)
        return None
    if manifest is None:
        return None
    home = path.parent
    left = [entry for entry in manifest.files if _size_fits(home / entry.path, entry, collector)]
    left.sort(key=lambda entry: (entry.size, entry.path))
    budget, hashed = READ_BYTES, 0
    for entry in left:
        budget -= entry.size
        if budget < 0 and not full:
            break
        hashed += 1
        if sha256_of(home / entry.path) != entry.sha256:
            _report(home / entry.path, "has other content", collector)
    if hashed < len(left):
        message = f"the content of the {hashed} smallest of {len(left)} files was compared"
        collector.add(codes.HASHES_SAMPLED, message, file=path)
    return manifest


def _size_fits(path: Path, entry: FileEntry, collector: Collector) -> bool:
    """Find a file that is not there or not as long as it was."""
    if not path.is_file():
        _report(path, "is missing", collector)
        return False
    if (size := path.stat().st_size) != entry.size:
        _report(path, f"has {size:,} bytes, not {entry.size:,}", collector)
        return False
    return True


def _report(path: Path, how: str, collector: Collector) -> None:
    collector.add(codes.MANIFEST_MISMATCH, f"{how}, unlike {MANIFEST_NAME} says", file=path)
