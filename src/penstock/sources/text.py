"""Text files: one document per file, line or paragraph; plain, .gz or .zst."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Literal

from pydantic import Field

from penstock.batches import RowBatch, RowStats
from penstock.jsonl import BOM, not_utf8
from penstock.sources._base import InputSplit
from penstock.sources._files import open_decompressed, reading, size_of
from penstock.sources._lines import LineSource, line_blocks, numbered_lines
from penstock.sources._rows import Numbered, in_batches


class TextSource(LineSource):
    """Rows from text in UTF-8, each with its text and the `file` that contains it.

    A byte order mark is skipped. Line endings are removed from lines. Empty lines separate
    paragraphs; if each line is a document, they are skipped and counted.
    """

    documents: Literal["file", "line", "paragraph"] = Field(
        "file", description="What one document is. Paragraphs are separated by empty lines."
    )

    def input_splits(self, split_bytes: int) -> list[InputSplit]:
        """Return complete files, several small ones per split, or byte ranges of each file."""
        if self.documents != "file":
            return super().input_splits(split_bytes)
        splits: list[InputSplit] = []
        for path in self.inputs():
            size = size_of(path) or 0
            if splits and splits[-1].size + size <= split_bytes:
                last = splits[-1]
                splits[-1] = replace(last, size=last.size + size, also=(*last.also, path))
            else:
                splits.append(InputSplit(path, size=size))
        return splits

    def read(self, input_split: InputSplit, stats: RowStats) -> Iterator[RowBatch]:
        """Yield the rows of an input split, numbered as its files or its lines are."""
        match self.documents:
            case "file":
                rows = _files(input_split, stats)
            case "line":
                rows = _decoded(input_split.path, _lines(input_split, stats), stats)
            case "paragraph":
                rows = _decoded(input_split.path, _paragraphs(input_split), stats)
        yield from in_batches(rows)

    def locate(self, input_split: InputSplit, number: int) -> tuple[str, int]:
        if self.documents == "file":
            return (input_split.path, *input_split.also)[number], 1
        return super().locate(input_split, number)


def _files(input_split: InputSplit, stats: RowStats) -> Iterator[Numbered]:
    for number, path in enumerate((input_split.path, *input_split.also)):
        with reading(path), open_decompressed(path) as stream:
            content = stream.read().removeprefix(BOM)
        yield from _decoded(path, [(number, content)], stats)


def _lines(input_split: InputSplit, stats: RowStats) -> Iterator[tuple[int, bytes]]:
    for number, line in numbered_lines(input_split):
        if line.strip():
            yield number, _without_ending(line)
        else:
            stats.note("empty_lines")


def _paragraphs(input_split: InputSplit) -> Iterator[tuple[int, bytes]]:
    """Yield the number of the first line and the bytes of each paragraph of an input split.

    A paragraph belongs to the split in which the empty line before it begins, the first one to the
    first split.
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
                    yield number - len(paragraph), _without_ending(b"".join(paragraph))
                    paragraph = []
                if input_split.stop is not None and position >= input_split.stop:
                    return
                begun = True
            position += len(line)
    if paragraph:
        yield number + 1 - len(paragraph), _without_ending(b"".join(paragraph))


def _decoded(path: str, texts: Iterable[tuple[int, bytes]], stats: RowStats) -> Iterator[Numbered]:
    for number, content in texts:
        try:
            text = content.decode()
        except UnicodeDecodeError as error:
            lines = content.count(b"\n", 0, error.start)
            where = f"line {lines + 1} of the text, " if lines else ""
            stats.bad(number, where + not_utf8(error))
            continue
        yield number, {"text": text, "file": path}


def _without_ending(line: bytes) -> bytes:
    return line.removesuffix(b"\n").removesuffix(b"\r")


SOURCE = TextSource
