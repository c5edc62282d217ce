"""The protocol of a source: it lists its input files and splits, and reads one split."""

from __future__ import annotations

import glob
import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from penstock.batches import RowBatch, RowStats, TokenBatch
from penstock.config import Options
from penstock.errors import ConfigError, did_you_mean_path
from penstock.files import natural_key
from penstock.manifest import InputEntry
from penstock.sources._files import BUFFER, exists, file_system, is_url, open_raw, reading, size_of


@dataclass(frozen=True)
class InputSplit:
    """A part of the input that one worker reads.

    Input splits depend only on the input and the recipe, never on the number of workers. `start`
    and `stop` are bytes of a file that can be cut at its lines, otherwise rows; `stop=None` is the
    end. `size` is in bytes of input, for the plan and the progress. `also` lists further files
    that are read completely after `path`.
    """

    path: str
    start: int = 0
    stop: int | None = None
    size: int = 0
    also: tuple[str, ...] = ()

    @property
    def rows_before(self) -> int:
        """The number of rows or lines of the file before the split."""
        return self.start


class Source(Options, ABC):
    """A reader of rows or tokens; an instance holds the settings of one source of a recipe."""

    #: True if `read` yields TokenBatches, False if it yields RowBatches.
    gives_tokens: ClassVar[bool] = False

    @property
    def synthetic(self) -> bool:
        """True if the content is random, for speed measurements only; manifests record it."""
        return False

    @property
    def confidential(self) -> bool:
        """True if the text is confidential; show and check mask it in everything built from it."""
        return False

    def tokenizer_identity(self) -> dict[str, Any] | None:
        """Return the manifest's entry for the tokenizer of a source that yields tokens."""
        return None

    @abstractmethod
    def inputs(self) -> list[str]:
        """Return every file (local path or URL) that is read, in a fixed order.

        Raises ConfigError for a path or pattern that matches no file.
        """

    def known_hashes(self) -> dict[str, str]:
        """Return the SHA-256 of inputs known in advance; a build fails if one differs."""
        return {}

    @abstractmethod
    def input_splits(self, split_bytes: int) -> list[InputSplit]:
        """Return the input splits in order, each of about `split_bytes` if the input can be cut."""

    def first_split(self, split_bytes: int) -> InputSplit:
        """Return the first input split; the source must have one."""
        return self.input_splits(split_bytes)[0]

    @abstractmethod
    def read(
        self, input_split: InputSplit, stats: RowStats
    ) -> Iterator[RowBatch] | Iterator[TokenBatch]:
        """Yield the rows of an input split in batches of at most a few megabytes.

        Bad rows are reported to `stats.bad`. Raises DataError for a truncated file.
        """

    def locate(self, input_split: InputSplit, number: int) -> tuple[str, int]:
        """Return the file and the record or line (from 1) of row `number` of an input split."""
        return input_split.path, input_split.rows_before + number + 1


#: Fields that file systems and servers use for the version or modification time of a file.
_VERSIONS = ("etag", "ETag", "md5Hash", "mtime", "LastModified", "last_modified", "updated")


class FileSource(Source):
    """A source that reads files."""

    path: str | list[str] = Field(
        min_length=1, description="A file, a pattern (`*`, `**`), a URL, or a list of these."
    )

    def inputs(self) -> list[str]:
        """Return the files; the matches of one pattern are in natural order.

        Raises ConfigError for a path or pattern that matches no file, and for a file that is
        matched twice, whose rows would count twice.
        """
        found: dict[str, str] = {}
        for path in [self.path] if isinstance(self.path, str) else self.path:
            for file in _find_urls(path) if is_url(path) else _find_local(path):
                identity = file if is_url(file) else os.path.realpath(file)
                if identity in found:
                    raise ConfigError(
                        f"is named twice ({found[identity]}, {file}); to read it twice, give the "
                        "recipe two sources",
                        file=file,
                    )
                found[identity] = file
        return list(found.values())

    def input_splits(self, split_bytes: int) -> list[InputSplit]:
        return [split for path in self.inputs() for split in self.file_splits(path, split_bytes)]

    def file_splits(self, path: str, split_bytes: int) -> list[InputSplit]:
        """Return the input splits of one file; by default it is one split."""
        return [InputSplit(path, size=size_of(path) or 0)]


def _find_local(path: str) -> list[str]:
    if Path(path).is_file():  # even if its name looks like a pattern
        return [path]
    if Path(path).is_dir() and not glob.has_magic(path):
        raise ConfigError(f"is a directory; name its files, as in {path.rstrip('/')}/*", file=path)
    if not glob.has_magic(path):
        raise ConfigError(f"there is no such file{did_you_mean_path(Path(path))}", file=path)
    # Path.glob does not accept an absolute pattern.
    found = glob.glob(path, recursive=True)  # noqa: PTH207
    return _in_natural_order([file for file in found if Path(file).is_file()], path)


def _find_urls(url: str) -> list[str]:
    system, inner = file_system(url)
    if not set("*[") & set(url):
        if exists(url):
            return [url]
        raise ConfigError("there is no such file, or it cannot be reached", file=url)
    with reading(url):
        files = [system.unstrip_protocol(file) for file in system.glob(inner)]
    return _in_natural_order(files, url)


def _in_natural_order(files: list[str], pattern: str) -> list[str]:
    if not files:
        raise ConfigError("the pattern matches no file", file=pattern)
    return sorted(files, key=lambda file: [natural_key(part) for part in file.split("/")])


def describe_input(path: str) -> InputEntry:
    """Return the manifest's entry for an input; a URL is downloaded completely to hash it."""
    if not is_url(path):
        with reading(path):
            return InputEntry.of(Path(path))
    with reading(path), open_raw(path) as stream:
        digest, size = hashlib.sha256(), 0
        while block := stream.read(BUFFER):
            digest.update(block)
            size += len(block)
    return InputEntry(path=path, size=size, sha256=f"sha256:{digest.hexdigest()}")


def input_state(path: str) -> list[Any]:
    """Return size and modification time or version: what changes with a file, without reading it.

    Raises DataError for a file that cannot be reached.
    """
    with reading(path):
        if not is_url(path):
            status = Path(path).stat()
            return [status.st_size, status.st_mtime_ns]
        system, inner = file_system(path)
        info = system.info(inner)
        return [info.get("size"), *(str(info[name]) for name in _VERSIONS if name in info)]
