"""JSON Lines: one object a line; plain, .gz or .zst."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from penstock.batches import RowBatch, Tally
from penstock.json_items import replace_lone
from penstock.jsonl import BadLine, parse_line
from penstock.sources._base import Piece
from penstock.sources._lines import cut_at_lines, line_blocks, line_place
from penstock.sources._rows import RowSource, chosen, in_batches
from penstock.sources._surrogates import MEND, Surrogates

_ARRAY_MEND = '; rows of one JSON array are read by `kind: cohorts, records: "[*]"`'


class JsonlSource(RowSource):
    """Rows from files of JSON Lines.

    Every line must be an object in UTF-8 that has no key twice. An empty line is none, at the end
    of a file either, where Megatron-LM's preprocess_data fails as well.
    """

    surrogates: Surrogates = "error"

    def pieces(self, piece_bytes: int) -> list[Piece]:
        """Return ranges of bytes of plain files, and compressed files whole."""
        return [piece for path in self.inputs() for piece in cut_at_lines(path, piece_bytes)]

    def read(self, piece: Piece, tally: Tally) -> Iterator[RowBatch]:
        """Yield the rows of a piece; their numbers are those of its lines."""
        yield from in_batches(chosen(self._records(piece, tally), self.choice(), tally))

    def place(self, piece: Piece, number: int) -> tuple[str, int]:
        """Return the file and the line of a row."""
        return line_place(piece, number)

    def _records(self, piece: Piece, tally: Tally) -> Iterator[tuple[int, dict[str, Any]]]:
        for block in line_blocks(piece):
            for number, line in enumerate(block.lines, block.number):
                record = parse_line(line)
                if isinstance(record, BadLine):
                    record = self._second_look(line, record, tally)
                if isinstance(record, BadLine):
                    first = piece.start == number == 0
                    mend = _ARRAY_MEND if first and line.lstrip().startswith(b"[") else ""
                    tally.bad(number, f"{record.message}{mend}")
                else:
                    yield number, record

    def _second_look(self, line: bytes, bad: BadLine, tally: Tally) -> dict[str, Any] | BadLine:
        """Return what a line is apart from its lone surrogates, if these are what is wrong."""
        mended, count = replace_lone(line)
        record = parse_line(mended) if count else bad
        if isinstance(record, BadLine):
            return record
        if self.surrogates == "error":
            return BadLine(bad.code, f"{bad.message}: a lone surrogate; {MEND}")
        tally.count("jsonl.surrogates_replaced", count)
        return record


SOURCE = JsonlSource
