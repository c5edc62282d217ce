"""Text files: a document each, or one a line, or one a paragraph; plain, .gz or .zst."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Literal

from pydantic import Field

from penstock.batches import RowBatch, Tally
from penstock.jsonl import not_utf8
from penstock.sources._base import Piece
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

    def pieces(self, piece_bytes: int) -> list[Piece]:
        """Return whole files, several small ones as one piece, or ranges of the bytes of each."""
        if self.documents != "file":
            return [piece for path in self.inputs() for piece in cut_at_lines(path, piece_bytes)]
        pieces: list[Piece] = []
        for path in self.inputs():
            size = size_of(path) or 0
            if pieces and pieces[-1].size + size <= piece_bytes:
                last = pieces[-1]
                pieces[-1] = replace(last, size=last.size + size, also=(*last.also, path))
            else:
                pieces.append(Piece(path, size=size))
        return pieces

    def read(self, piece: Piece, tally: Tally) -> Iterator[RowBatch]:
        """Yield the rows of a piece; their numbers are those of its files, or of its lines."""
        match self.documents:
            case "file":
                rows = _files(piece, tally)
            case "line":
                rows = _decoded(piece.path, _lines(piece, tally), tally)
            case "paragraph":
                rows = _decoded(piece.path, _paragraphs(piece), tally)
        yield from in_batches(rows)

    def place(self, piece: Piece, number: int) -> tuple[str, int]:
        """Return the file and the line of a row."""
        if self.documents == "file":
            return (piece.path, *piece.also)[number], 1
        return line_place(piece, number)


def _files(piece: Piece, tally: Tally) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, path in enumerate((piece.path, *piece.also)):
        with reading(path), open_unpacked(path) as stream:
            content = stream.read().removeprefix(_BOM)
        yield from _decoded(path, [(number, content)], tally)


def _lines(piece: Piece, tally: Tally) -> Iterator[tuple[int, bytes]]:
    for number, line in numbered_lines(piece):
        if line.strip():
            yield number, _without_end(line)
        else:
            tally.count("text.empty_lines")


def _paragraphs(piece: Piece) -> Iterator[tuple[int, bytes]]:
    """Yield the number of the first line and the bytes of each paragraph of a piece.

    It belongs to the piece in which the empty line before it begins; the first to the first piece.
    """
    paragraph: list[bytes] = []
    begun = piece.start == 0
    for block in line_blocks(replace(piece, stop=None)):
        position = block.position
        for number, line in enumerate(block.lines, block.number):
            if line.strip():
                paragraph += [line] * begun
            else:
                if paragraph:
                    yield number - len(paragraph), _without_end(b"".join(paragraph))
                    paragraph = []
                if piece.stop is not None and position >= piece.stop:
                    return
                begun = True
            position += len(line)
    if paragraph:
        yield number + 1 - len(paragraph), _without_end(b"".join(paragraph))


def _decoded(
    path: str, texts: Iterable[tuple[int, bytes]], tally: Tally
) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, content in texts:
        try:
            text = content.decode()
        except UnicodeDecodeError as error:
            lines = content.count(b"\n", 0, error.start)
            tally.bad(
                number,
                f"line {lines + 1} of the text, {not_utf8(error)}" if lines else not_utf8(error),
            )
            continue
        yield number, {"text": text, "file": path}


def _without_end(line: bytes) -> bytes:
    return line.removesuffix(b"\n").removesuffix(b"\r")


SOURCE = TextSource
