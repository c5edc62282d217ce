"""Opening input files: local or behind a URL, plain or compressed (.gz, .zst).

A URL is anything that fsspec opens (`gs://`, `s3://`, `https://`, `memory://`). Local files do not
use fsspec.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast
from urllib.parse import urlsplit

from penstock.errors import ConfigError, DataError, MissingExtraError, PenstockError

#: Bytes that are read at a time.
BUFFER = 1 << 20
#: The fix for a truncated or corrupt file.
AGAIN = "copy or download it again"
_ZSTANDARD_CHUNK = 1 << 17
#: Frames written with `--long=31` need a window of this size.
_LARGEST_WINDOW = 1 << 31


def is_url(path: str) -> bool:
    """Return True if a path is opened with fsspec."""
    return "://" in path


def suffixes(path: str) -> list[str]:
    """Return the suffixes of a file name in lower case, such as `[".jsonl", ".gz"]`."""
    name = urlsplit(path).path if is_url(path) else path
    return [suffix.lower() for suffix in Path(name).suffixes]


def is_compressed(path: str) -> bool:
    """Return True if the file name is that of a compressed file, which is read from its start."""
    return suffixes(path)[-1:] in ([".gz"], [".zst"])


def file_system(url: str) -> tuple[Any, str]:
    """Return the fsspec file system of a URL and the path in it.

    Raises ConfigError for an unknown protocol, MissingExtraError without fsspec.
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
    if not is_url(path):
        return Path(path).is_file()
    system, inner = file_system(path)
    with reading(path):
        return bool(system.isfile(inner))


def size_of(path: str) -> int | None:
    """Return the size of a file in bytes, None if a server does not report it."""
    with reading(path):
        if not is_url(path):
            return Path(path).stat().st_size
        system, inner = file_system(path)
        size: int | None = system.size(inner)
        return size


def can_seek(path: str, size: int | None) -> bool:
    """Return True if a file can be read from the middle; not every web server supports it."""
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
    """Open a file for reading its stored bytes; the caller closes it."""
    if not is_url(path):
        return Path(path).open("rb", buffering=BUFFER)
    system, inner = file_system(path)
    # With block_size=0 a web server sends the complete file as one response, from its start.
    web = urlsplit(path).scheme in ("http", "https") and not seekable
    stream = system.open(inner, "rb", **({"block_size": 0} if web else {}))
    if isinstance(stream, io.BytesIO):
        # `memory://` returns the same stream, with one position, for every open of a file.
        stream = io.BytesIO(stream.getvalue())
    return io.BufferedReader(stream, BUFFER)


def open_decompressed(path: str, *, seekable: bool = False) -> IO[bytes]:
    """Open a file for reading; compressed files (.gz, .zst) are decompressed."""
    raw = open_raw(path, seekable=seekable)
    match suffixes(path)[-1:]:
        case [".gz"]:
            return cast("IO[bytes]", _GzipReader(raw))
        case [".zst"]:
            return io.BufferedReader(_ZstandardReader(raw), BUFFER)
        case _:
            return raw


class _GzipReader(gzip.GzipFile):
    """A gzip file that also closes the compressed file."""

    def __init__(self, compressed: IO[bytes]) -> None:
        self._compressed = compressed
        super().__init__(fileobj=compressed)

    def close(self) -> None:
        super().close()
        self._compressed.close()


class _ZstandardReader(io.RawIOBase):
    """A stream of decompressed zstandard frames.

    Unlike the readers of the package `zstandard`, it raises EOFError for a truncated frame. It
    raises OSError for bytes that are not a frame.
    """

    def __init__(self, compressed: IO[bytes]) -> None:
        from zstandard import ZstdDecompressor

        self._compressed = compressed
        self._decompressor = ZstdDecompressor(max_window_size=_LARGEST_WINDOW)
        self._frame: Any = None
        self._input = b""
        self._output = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        from zstandard import ZstdError

        while not self._output:
            self._input = self._input or self._compressed.read(_ZSTANDARD_CHUNK)
            if not self._input:
                if self._frame is not None:
                    raise EOFError("a frame is truncated")
                return 0
            self._frame = self._frame or self._decompressor.decompressobj()
            try:
                self._output = memoryview(self._frame.decompress(self._input))
            except ZstdError as error:
                raise OSError(str(error)) from None
            self._input = b""
            if self._frame.eof:
                self._input = self._frame.unused_data
                self._frame = None
        count = min(len(buffer), len(self._output))
        buffer[:count] = self._output[:count]
        self._output = self._output[count:]
        return count

    def close(self) -> None:
        self._compressed.close()
        super().close()


def read_error(path: str, error: Exception, after: str = "") -> DataError:
    """Return the DataError for an exception while reading; `after` says what was read before it."""
    first_line = (str(error) or type(error).__name__).splitlines()[0]
    if isinstance(error, EOFError):
        message = f"is truncated{after}; {AGAIN}"
    elif isinstance(error, OSError) and error.strerror:
        message = f"cannot be read{after}: {error.strerror}"
    elif is_compressed(path):
        message = f"cannot be decompressed{after} ({first_line}); {AGAIN}"
    else:
        message = f"cannot be read{after}: {first_line}"
    return DataError(message, file=path)


@contextmanager
def reading(path: str) -> Iterator[None]:
    """Turn the exceptions of reading a file into DataError; use it only around reads."""
    try:
        yield
    except PenstockError:
        raise
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise read_error(path, error) from None
    except Exception as error:
        if not is_url(path):  # only file systems of fsspec raise their own exceptions
            raise
        raise read_error(path, error) from None
