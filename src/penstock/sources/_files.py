"""Files of the input, local or behind a URL: opened, unpacked, measured, described.

A URL is anything that fsspec opens (`gs://`, `s3://`, `https://`, `memory://`). Local files never
go through it.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast
from urllib.parse import urlsplit

from penstock.errors import ConfigError, DataError, MissingExtraError, PenstockError
from penstock.manifest import InputEntry
from penstock.sources._zstandard import ZstandardReader

_BUFFER = 1 << 20
#: What to do about a file that breaks off or is damaged.
AGAIN = "copy or download it again"


def is_url(path: str) -> bool:
    """Say whether a path goes to fsspec."""
    return "://" in path


def suffixes(path: str) -> list[str]:
    """Return the suffixes of a file's name in lower case: `.jsonl`, `.gz`."""
    name = urlsplit(path).path if is_url(path) else path
    return [suffix.lower() for suffix in Path(name).suffixes]


def is_packed(path: str) -> bool:
    """Say whether a file is compressed, by its name; such a file is read from its beginning."""
    return suffixes(path)[-1:] in ([".gz"], [".zst"])


def file_system(url: str) -> tuple[Any, str]:
    """Return the fsspec file system of a URL and the path in it.

    Raises ConfigError for an unknown kind of URL, MissingExtraError without fsspec.
    """
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise MissingExtraError("fsspec", "remote", "reading a URL") from None
    try:
        system, inner = url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise ConfigError(str(error), file=url) from None
    return system, inner


def exists(path: str) -> bool:
    """Say whether there is such a file."""
    if not is_url(path):
        return Path(path).is_file()
    system, inner = file_system(path)
    with reading(path):
        return bool(system.isfile(inner))


def size_of(path: str) -> int | None:
    """Return the size of a file in bytes, None where a server does not tell."""
    with reading(path):
        if not is_url(path):
            return Path(path).stat().st_size
        system, inner = file_system(path)
        size: int | None = system.size(inner)
        return size


def can_seek(path: str, size: int | None) -> bool:
    """Say whether reading may start in the middle; not every web server lets it."""
    if not is_url(path):
        return True
    if not size:
        return False
    system, inner = file_system(path)
    try:
        with system.open(inner, "rb") as stream:
            stream.seek(size - 1)
            return len(stream.read(1)) == 1
    except (OSError, ValueError):
        return False


def open_raw(path: str, *, seekable: bool = False) -> IO[bytes]:
    """Open a file as it lies, for reading in binary; the caller closes it."""
    if not is_url(path):
        return Path(path).open("rb", buffering=_BUFFER)
    system, inner = file_system(path)
    # Without blocks a web server sends the whole file as one answer, from its beginning.
    web = urlsplit(path).scheme in ("http", "https") and not seekable
    stream = system.open(inner, "rb", **({"block_size": 0} if web else {}))
    if isinstance(stream, io.BytesIO):
        # Everyone who opens a file of `memory://` gets the same stream, with one position.
        stream = io.BytesIO(stream.getvalue())
    return io.BufferedReader(stream, _BUFFER)


def open_unpacked(path: str, *, seekable: bool = False) -> IO[bytes]:
    """Open a file for reading; what is compressed (.gz, .zst) comes unpacked."""
    raw = open_raw(path, seekable=seekable)
    match suffixes(path)[-1:]:
        case [".gz"]:
            return cast("IO[bytes]", _GzipReader(raw))
        case [".zst"]:
            return io.BufferedReader(ZstandardReader(raw), _BUFFER)
        case _:
            return raw


class _GzipReader(gzip.GzipFile):
    """A gzip file that closes the file below it, too."""

    def __init__(self, packed: IO[bytes]) -> None:
        self._packed = packed
        super().__init__(fileobj=packed)

    def close(self) -> None:
        super().close()
        self._packed.close()


def read_error(path: str, error: Exception, after: str = "") -> DataError:
    """Return what to tell the user of an exception; `after` says what was read before it."""
    if isinstance(error, EOFError):
        message = f"breaks off{after}: the archive is not whole; {AGAIN}"
    elif isinstance(error, OSError) and error.strerror:
        message = f"cannot be read{after}: {error.strerror}"
    elif is_packed(path):
        message = f"cannot be unpacked{after} ({_first_line(error)}); {AGAIN}"
    else:
        message = f"cannot be read{after}: {_first_line(error)}"
    return DataError(message, file=path)


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]


@contextmanager
def reading(path: str) -> Iterator[None]:
    """Turn what reading a file can raise into DataError; only reading belongs in the block."""
    try:
        yield
    except PenstockError:
        raise
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise read_error(path, error) from None
    except Exception as error:
        if not is_url(path):  # every file system of fsspec has errors of its own
            raise
        raise read_error(path, error) from None


def describe_input(path: str) -> InputEntry:
    """Return what a manifest says of an input: every byte of a URL is read for it."""
    if not is_url(path):
        with reading(path):
            return InputEntry.of(Path(path))
    with reading(path), open_raw(path) as stream:
        digest, size = hashlib.sha256(), 0
        while block := stream.read(_BUFFER):
            digest.update(block)
            size += len(block)
    return InputEntry(path=path, size=size, sha256=f"sha256:{digest.hexdigest()}")
