"""The files of a dataset: whether they match its manifest, and unusual bytes in JSON Lines."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from penstock.checks import _codes as codes
from penstock.errors import DataError
from penstock.files import plural, sha256_of
from penstock.findings import Collector
from penstock.jsonl import has_bom
from penstock.manifest import (
    MANIFEST_NAME,
    FileEntry,
    Manifest,
    base_dir,
    find_manifest,
    manifest_path,
)

#: The bytes that are read of a token dataset, and hashed of any, unless all are requested.
READ_BYTES = 128 << 20
#: The bytes of a JSON Lines file that are read at a time.
CHUNK_BYTES = 1 << 20


def check_manifest(dataset: Path, collector: Collector, *, full: bool) -> Manifest | None:
    """Compare the files of a dataset with its manifest and return the manifest, if there is one.

    The sizes of all files are compared. Contents are compared from the smallest file up to
    `READ_BYTES` in total, which a finding reports; with `full`, of all files.
    """
    try:
        found = find_manifest(dataset)
    except DataError as error:
        file = Path(error.file)
        collector.add(codes.MANIFEST_UNREADABLE, error.message, file=file, line=error.line)
        return None
    except OSError as error:
        message, file = f"cannot be read: {error.strerror}", manifest_path(dataset)
        collector.add(codes.MANIFEST_UNREADABLE, message, file=file)
        return None
    if found is None:
        return None
    directory = base_dir(found.owner)
    right_size = [e for e in found.files if _check_size(directory / e.path, e, collector)]
    right_size.sort(key=lambda entry: (entry.size, entry.path))
    budget, hashed = READ_BYTES, 0
    for entry in right_size:
        budget -= entry.size
        if budget < 0 and not full:
            break
        hashed += 1
        _check_content(directory / entry.path, entry, collector)
    if hashed < len(right_size):
        message = f"{hashed} of {len(right_size)} files compared by content, the smallest first"
        collector.add(codes.HASHES_SAMPLED, message, file=manifest_path(found.owner))
    return found.manifest


def _check_size(path: Path, entry: FileEntry, collector: Collector) -> bool:
    if not path.is_file():
        message = f"is missing; {MANIFEST_NAME} lists it"
    elif (size := path.stat().st_size) != entry.size:
        message = f"has {size:,} bytes; {MANIFEST_NAME} says {entry.size:,}"
    else:
        return True
    collector.add(codes.MANIFEST_MISMATCH, message, file=path)
    return False


def _check_content(path: Path, entry: FileEntry, collector: Collector) -> None:
    try:
        if sha256_of(path) != entry.sha256:
            message = f"the content differs from the hash in {MANIFEST_NAME}"
            collector.add(codes.MANIFEST_MISMATCH, message, file=path)
    except OSError as error:
        collector.add(codes.FILE_UNREADABLE, f"cannot be read: {error.strerror}", file=path)


def check_bom(path: Path, collector: Collector) -> None:
    """Report a byte order mark at the start of a file; raises OSError if it cannot be read."""
    if has_bom(path):
        message = "starts with a byte order mark (EF BB BF), which JSON readers reject"
        collector.add(codes.BYTE_ORDER_MARK, message, file=path, line=1)


def check_line_ends(path: Path, collector: Collector) -> None:
    """Report a byte order mark, CR LF, and a missing final newline in a JSON Lines file.

    Raises OSError if the file cannot be read.
    """
    check_bom(path, collector)
    crlf = lines = 0
    first_crlf = None
    last = b""
    with path.open("rb") as stream:
        for chunk in iter(partial(stream.read, CHUNK_BYTES), b""):
            # A CR LF may be split between two chunks.
            text = last + chunk
            if (found := text.count(b"\r\n")) and first_crlf is None:
                first_crlf = lines + text[: text.index(b"\r\n")].count(b"\n") + 1
            crlf += found
            lines += chunk.count(b"\n")
            last = chunk[-1:]
    if crlf:
        message = f"{plural(crlf, 'line')} end with CR LF"
        collector.add(codes.CRLF, message, file=path, line=first_crlf, count=crlf)
    if last not in (b"", b"\n"):
        message = "the last line does not end with a newline"
        collector.add(codes.FINAL_NEWLINE, message, file=path, line=lines + 1)
