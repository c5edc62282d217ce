"""Files of lines: cut into byte ranges, read in blocks, and addressed by line number.

A line belongs to the input split that contains its first byte, so it is read exactly once wherever
the file is cut.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import cached_property
from itertools import pairwise
from typing import IO, Any, NamedTuple

from penstock.errors import DataError
from penstock.files import plural
from penstock.jsonl import BOM
from penstock.sources._base import FileSource, InputSplit
from penstock.sources._files import (
    can_seek,
    is_compressed,
    is_url,
    open_decompressed,
    read_error,
    reading,
    size_of,
)

_BLOCK = 1 << 21


class LineSplit(InputSplit):
    """A byte range of a file of lines."""

    @cached_property
    def rows_before(self) -> int:
        """The number of lines that begin before the split; computed by reading the file."""
        if self.start == 0:
            return 0
        with reading(self.path), open_decompressed(self.path) as stream:
            ends, left = 0, self.start - 1
            while left and (block := stream.read(min(left, _BLOCK))):
                ends += block.count(b"\n")
                left -= len(block)
        return ends + 1


class LineSource(FileSource):
    """A source of files that can be cut at their lines."""

    def file_splits(self, path: str, split_bytes: int) -> list[InputSplit]:
        """Return byte ranges of a file, each of about `split_bytes`.

        A compressed file, or one on a server without range requests, is one split.
        """
        size = size_of(path)
        count = max(1, round((size or 0) / split_bytes))
        cuttable = not is_url(path) or (count > 1 and can_seek(path, size))
        if size is None or is_compressed(path) or not cuttable:
            return [InputSplit(path, size=size or 0)]
        cuts = [size * index // count for index in range(count + 1)]
        return [LineSplit(path, start, stop, stop - start) for start, stop in pairwise(cuts)]


class LineBlock(NamedTuple):
    """Consecutive lines with their line endings.

    `number` (from 0, within the input split) and `position` (in bytes of the decompressed file)
    belong to the first line.
    """

    number: int
    position: int
    lines: list[bytes]


def line_blocks(input_split: InputSplit) -> Iterator[LineBlock]:
    """Yield the lines of an input split in blocks of about two megabytes, without a BOM.

    Raises DataError, with the number of complete lines before it, if the file is truncated.
    """
    start, stop = input_split.start, input_split.stop
    with reading(input_split.path):
        raw = _UntilError(open_decompressed(input_split.path, seekable=bool(start or stop)))
    with io.BufferedReader(raw, _BLOCK) as stream:
        position = number = 0
        if start:  # the first line that begins at or after `start`
            stream.seek(start - 1)
            position = start - 1 + len(stream.readline())
        while stop is None or position < stop:
            begin, lines = position, _read_lines(stream, position, stop)
            position += sum(map(len, lines))
            if raw.error is not None and lines and not lines[-1].endswith(b"\n"):
                lines.pop()
            if begin == 0 and lines and lines[0].startswith(BOM):
                begin = len(BOM)
                first = lines[0].removeprefix(BOM)
                lines = [first, *lines[1:]] if first else []
            if lines:
                yield LineBlock(number, begin, lines)
                number += len(lines)
            if raw.error is not None:
                raise read_error(input_split.path, raw.error, f" after {plural(number, 'line')}")
            if position == begin:
                break
    if stop is not None and position < stop:
        message = f"ends at byte {position:,} and was longer when the build began; start again"
        raise DataError(message, file=input_split.path)


def numbered_lines(input_split: InputSplit) -> Iterator[tuple[int, bytes]]:
    """Yield the number (from 0, within the input split) and the bytes of each line."""
    for block in line_blocks(input_split):
        yield from enumerate(block.lines, block.number)


class _UntilError(io.RawIOBase):
    """A stream that ends at the first read error and keeps it as `error`.

    The lines before the error can thus be read and counted.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.error: Exception | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._stream.seekable()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._stream.seek(offset, whence)

    def readinto(self, buffer: Any) -> int:
        try:
            # One read of the underlying file at a time, to keep what it returned before an error.
            count: int = self._stream.readinto1(buffer)  # type: ignore[attr-defined]
        except Exception as error:
            self.error = error
            return 0
        return count

    def close(self) -> None:
        self._stream.close()
        super().close()


def _read_lines(stream: IO[bytes], position: int, stop: int | None) -> list[bytes]:
    left = _BLOCK if stop is None else min(_BLOCK, stop - position)
    # `readlines` stops after it exceeds its hint, and treats 0 as no limit.
    if left > 1:
        return stream.readlines(left - 1)
    line = stream.readline()
    return [line] if line else []
