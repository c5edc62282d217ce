"""Text files: a document each, or one a line, or one a paragraph; plain, .gz or .zst."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Literal

from pydantic import Field

from penstock.batches import RowBatch, RowStats
from penstock.jsonl import not_utf8
from penstock.sources._base import InputSplit
from penstock.sources._files import open_unpacked, reading, size_of
from penstock.sources._lines import cut_at_lines, line_blocks, line_place, numbered_lines
from penstock.sources._rows import FileSource, in_batches

_BOM = b"\xef\xbb\xbf"


class TextSource(FileSource):
    """Rows from text in UTF-8; beside its text, each has the `file` that it comes from.

    A byte order mark is passed over. A line is without its end; empty lines, which part
    paragraphs, are no documents and counted where each line is one.
    """

    documents: Literal["file", "line", "paragraph"] = Field(
        "file", description="What a document is. Paragraphs are parted by empty lines."
    )

    def input_splits(self, piece_bytes: int) -> list[InputSplit]:
        """Return whole files, several small ones as one input_split, or ranges of the bytes of each."""
        if self.documents != "file":
            return [
                input_split
                for path in self.inputs()
                for input_split in cut_at_lines(path, piece_bytes)
            ]
        input_splits: list[InputSplit] = []
        for path in self.inputs():
            size = size_of(path) or 0
            if input_splits and input_splits[-1].size + size <= piece_bytes:
                last = input_splits[-1]
                input_splits[-1] = replace(last, size=last.size + size, also=(*last.also, path))
            else:
                input_splits.append(InputSplit(path, size=size))
        return input_splits

    def read(self, input_split: InputSplit, stats: RowStats) -> Iterator[RowBatch]:
        """Yield the rows of an input split; their numbers are those of its files, or of its lines."""
        match self.documents:
            case "file":
                rows = _files(input_split, stats)
            case "line":
                rows = _decoded(input_split.path, _lines(input_split, stats), stats)
            case "paragraph":
                rows = _decoded(input_split.path, _paragraphs(input_split), stats)
        yield from in_batches(rows)

    def place(self, input_split: InputSplit, number: int) -> tuple[str, int]:
        """Return the file and the line of a row."""
        if self.documents == "file":
            return (input_split.path, *input_split.also)[number], 1
        return line_place(input_split, number)


def _files(input_split: InputSplit, stats: RowStats) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, path in enumerate((input_split.path, *input_split.also)):
        with reading(path), open_unpacked(path) as stream:
            content = stream.read().removeprefix(_BOM)
        yield from _decoded(path, [(number, content)], stats)


def _lines(input_split: InputSplit, stats: RowStats) -> Iterator[tuple[int, bytes]]:
    for number, line in numbered_lines(input_split):
        if line.strip():
            yield number, _without_end(line)
        else:
            stats.note("empty_lines")


def _paragraphs(input_split: InputSplit) -> Iterator[tuple[int, bytes]]:
    """Yield the number of the first line and the bytes of each paragraph of an input split.

    It belongs to the input_split in which the empty line before it begins; the first to the first input_split.
    """
    paragraph: list[bytes] = []
    begun = input_split.start == 0
    for block in line_blocks(replace(input_split, stop=None)):
        position = block.position
        for number, line in enumerate(block.lines, block.number):
            if line.strip():
                paragraph += [line] * begun
            else:
                if paragraph:
                    yield number - len(paragraph), _without_end(b"".join(paragraph))
                    paragraph = []
                if input_split.stop is not None and position >= input_split.stop:
                    return
                begun = True
            position += len(line)
    if paragraph:
        yield number + 1 - len(paragraph), _without_end(b"".join(paragraph))


def _decoded(
    path: str, texts: Iterable[tuple[int, bytes]], stats: RowStats
) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, content in texts:
        try:
            text = content.decode()
        except UnicodeDecodeError as error:
            lines = content.count(b"\n", 0, error.start)
            stats.bad(
                number,
                f"line {lines + 1} of the text, {not_utf8(error)}" if lines else not_utf8(error),
            )
            continue
        yield number, {"text": text, "file": path}


def _without_end(line: bytes) -> bytes:
    return line.removesuffix(b"\n").removesuffix(b"\r")


SOURCE = TextSource
