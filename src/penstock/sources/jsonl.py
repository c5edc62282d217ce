"""JSON Lines: one object per line; plain, .gz or .zst."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from penstock.batches import RowStats
from penstock.json_items import replace_lone_surrogates
from penstock.jsonl import BadLine, parse_line
from penstock.sources._base import InputSplit
from penstock.sources._lines import LineSource, line_blocks
from penstock.sources._rows import SURROGATES_HINT, Numbered, RecordSource, Surrogates

_ARRAY_HINT = '; rows of one JSON array are read by `kind: cohorts, records: "[*]"`'


class JsonlSource(RecordSource, LineSource):
    """Rows from files of JSON Lines.

    Every line must be a UTF-8 object without repeated keys. An empty line is bad, also at the end
    of a file, as for Megatron-LM's preprocess_data.
    """

    surrogates: Surrogates = "error"

    def read_records(self, input_split: InputSplit, stats: RowStats) -> Iterator[Numbered]:
        for block in line_blocks(input_split):
            for number, line in enumerate(block.lines, block.number):
                record = parse_line(line)
                if isinstance(record, BadLine):
                    record = self._without_surrogates(line, record, stats)
                if isinstance(record, BadLine):
                    first = input_split.start == number == 0
                    hint = _ARRAY_HINT if first and line.lstrip().startswith(b"[") else ""
                    stats.bad(number, f"{record.message}{hint}")
                else:
                    yield number, record

    def _without_surrogates(
        self, line: bytes, bad: BadLine, stats: RowStats
    ) -> dict[str, Any] | BadLine:
        """Parse a bad line again without its lone surrogates, which may be all that is wrong."""
        replaced, count = replace_lone_surrogates(line)
        record = parse_line(replaced) if count else bad
        if isinstance(record, BadLine):
            return record
        if self.surrogates == "error":
            return BadLine(bad.code, f"{bad.message}: a lone surrogate; {SURROGATES_HINT}")
        stats.note("surrogates_replaced", count)
        return record


SOURCE = JsonlSource
