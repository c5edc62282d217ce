"""Whether an input is still the one it was, without reading it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from penstock.sources._files import file_system, is_url, reading

#: What servers and stores call the version or the time of a file.
_VERSIONS = ("etag", "ETag", "md5Hash", "mtime", "LastModified", "last_modified", "updated")


def input_state(path: str) -> list[Any]:
    """Return what changes when a file does: its size and its time, or what its server tells.

    Raises DataError for a file that cannot be reached.
    """
    with reading(path):
        if not is_url(path):
            status = Path(path).stat()
            return [status.st_size, status.st_mtime_ns]
        system, inner = file_system(path)
        told = system.info(inner)
        return [told.get("size"), *(str(told[name]) for name in _VERSIONS if name in told)]
