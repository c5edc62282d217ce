"""Files of lines: cut into ranges of bytes, read block by block, lines told by their number.

A line belongs to the input_split in which its first byte lies, so every line belongs to one input_split,
wherever the file is cut.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import cached_property
from itertools import pairwise
from typing import IO, Any, NamedTuple

from penstock.errors import DataError
from penstock.files import plural
from penstock.sources._base import InputSplit
from penstock.sources._files import (
    can_seek,
    is_packed,
    is_url,
    open_unpacked,
    read_error,
    reading,
    size_of,
)

_BLOCK = 1 << 21
_BOM = b"\xef\xbb\xbf"


class LinePiece(InputSplit):
    """A range of bytes of a file of lines."""

    @cached_property
    def lines_before(self) -> int:
        """The number of lines that begin before the input_split; the file is read up to there."""
        if self.start == 0:
            return 0
        with reading(self.path), open_unpacked(self.path) as stream:
            ends, left = 0, self.start - 1
            while left and (block := stream.read(min(left, _BLOCK))):
                ends += block.count(b"\n")
                left -= len(block)
        return ends + 1


class LineBlock(NamedTuple):
    """Consecutive lines with their ends.

    `number` (from 0, within the input_split) and `position` (in bytes of the unpacked file) are those of
    the first.
    """

    number: int
    position: int
    lines: list[bytes]


def cut_at_lines(path: str, piece_bytes: int) -> list[InputSplit]:
    """Return the input_splits of a file, each of about `piece_bytes`.

    What must be read from its beginning (compressed, or from a server that gives no parts) is one.
    """
    size = size_of(path)
    count = max(1, round((size or 0) / piece_bytes))
    cuttable = not is_url(path) or (count > 1 and can_seek(path, size))
    if size is None or is_packed(path) or not cuttable:
        return [InputSplit(path, size=size or 0)]
    cuts = [size * index // count for index in range(count + 1)]
    return [LinePiece(path, start, stop, stop - start) for start, stop in pairwise(cuts)]


def line_blocks(input_split: InputSplit) -> Iterator[LineBlock]:
    """Yield the lines of an input split in blocks of about two megabytes, without a byte order mark.

    Raises DataError, with the number of whole lines before it, where a file breaks off.
    """
    with reading(input_split.path):
        raw = _UntilItBreaks(
            open_unpacked(input_split.path, seekable=bool(input_split.start or input_split.stop))
        )
    with io.BufferedReader(raw, _BLOCK) as stream:
        position, number = _seek_line(stream, input_split.start), 0
        while input_split.stop is None or position < input_split.stop:
            begin, lines = position, _read_lines(stream, input_split, position)
            position += sum(map(len, lines))
            if raw.error is not None and lines and not lines[-1].endswith(b"\n"):
                lines.pop()
            block = _without_mark(LineBlock(number, begin, lines))
            number += len(block.lines)
            if block.lines:
                yield block
            if raw.error is not None:
                raise read_error(input_split.path, raw.error, f" after {plural(number, 'line')}")
            if position == begin:
                break
    if input_split.stop is not None and position < input_split.stop:
        raise DataError(
            f"ends at byte {position:,} and was longer when the build began; start again",
            file=input_split.path,
        )


def _without_mark(block: LineBlock) -> LineBlock:
    """Return the first block of a file without the byte order mark, if it has one."""
    number, position, lines = block
    if position or not lines or not lines[0].startswith(_BOM):
        return block
    first = lines[0].removeprefix(_BOM)
    return LineBlock(number, len(_BOM), [first, *lines[1:]] if first else [])


def numbered_lines(input_split: InputSplit) -> Iterator[tuple[int, bytes]]:
    """Yield the number (from 0, within the input_split) and the bytes of each line of an input split."""
    for block in line_blocks(input_split):
        yield from enumerate(block.lines, block.number)


def line_place(input_split: InputSplit, number: int) -> tuple[str, int]:
    """Return the file and the line (from 1) of line `number` of an input split."""
    before = input_split.lines_before if isinstance(input_split, LinePiece) else 0
    return input_split.path, before + number + 1


class _UntilItBreaks(io.RawIOBase):
    """A file that ends where it cannot be read any further, and keeps why as `error`.

    So the lines before that place are had, and can be counted.
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
            # One read of the file below at a time: what it gave before it broke is not lost.
            count: int = self._stream.readinto1(buffer)  # type: ignore[attr-defined]
        except Exception as error:
            self.error = error
            return 0
        return count

    def close(self) -> None:
        self._stream.close()
        super().close()


def _seek_line(stream: IO[bytes], start: int) -> int:
    """Go to the first line that begins at or behind `start`; return where that is."""
    if start == 0:
        return 0
    stream.seek(start - 1)
    return start - 1 + len(stream.readline())


def _read_lines(stream: IO[bytes], input_split: InputSplit, position: int) -> list[bytes]:
    left = _BLOCK if input_split.stop is None else min(_BLOCK, input_split.stop - position)
    # `readlines` goes on until it has more than its hint, and takes 0 for no limit at all.
    if left > 1:
        return stream.readlines(left - 1)
    line = stream.readline()
    return [line] if line else []
