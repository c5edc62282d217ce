"""JSON Lines: one object a line; plain, .gz or .zst."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from penstock.batches import RowBatch, RowStats
from penstock.json_items import replace_lone
from penstock.jsonl import BadLine, parse_line
from penstock.sources._base import InputSplit
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

    def input_splits(self, piece_bytes: int) -> list[InputSplit]:
        """Return ranges of bytes of plain files, and compressed files whole."""
        return [
            input_split for path in self.inputs() for input_split in cut_at_lines(path, piece_bytes)
        ]

    def read(self, input_split: InputSplit, stats: RowStats) -> Iterator[RowBatch]:
        """Yield the rows of an input split; their numbers are those of its lines."""
        yield from in_batches(chosen(self._records(input_split, stats), self.choice(), stats))

    def place(self, input_split: InputSplit, number: int) -> tuple[str, int]:
        """Return the file and the line of a row."""
        return line_place(input_split, number)

    def _records(
        self, input_split: InputSplit, stats: RowStats
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        for block in line_blocks(input_split):
            for number, line in enumerate(block.lines, block.number):
                record = parse_line(line)
                if isinstance(record, BadLine):
                    record = self._second_look(line, record, stats)
                if isinstance(record, BadLine):
                    first = input_split.start == number == 0
                    mend = _ARRAY_MEND if first and line.lstrip().startswith(b"[") else ""
                    stats.bad(number, f"{record.message}{mend}")
                else:
                    yield number, record

    def _second_look(self, line: bytes, bad: BadLine, stats: RowStats) -> dict[str, Any] | BadLine:
        """Return what a line is apart from its lone surrogates, if these are what is wrong."""
        mended, count = replace_lone(line)
        record = parse_line(mended) if count else bad
        if isinstance(record, BadLine):
            return record
        if self.surrogates == "error":
            return BadLine(bad.code, f"{bad.message}: a lone surrogate; {MEND}")
        stats.note("surrogates_replaced", count)
        return record


SOURCE = JsonlSource
