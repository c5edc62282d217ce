"""What LLaMA-Factory prints: how many rows it reads, which it drops, and why it ends."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Mapping

from penstock.errors import PenstockError
from penstock.files import plural
from penstock.trainers.llamafactory.rows import Part

#: What is warned of before a row is left out; the text of the row follows.
_DROPPED = ("Invalid role tag in", "Invalid message count in", "Dropped invalid example:")
#: What stands before the text of a row in an error that ends it all.
_FATAL = (
    "Invalid JSON format in function message:",
    "Invalid JSON format in tool description:",
    "Expected a string, got",
)
_BEFORE_TEXT = re.compile(f"({'|'.join(map(re.escape, (*_DROPPED, *_FATAL)))}).*")
_TOO_LONG = re.compile(r"Dropped lengthy example with length (\d+)")
_RUNNING = re.compile(r"\*{5} Running (\w+) \*{5}")
_EXAMPLES = re.compile(r"Num examples = ([\d,]+)")
#: What begins the print of the first row, and what a line of the log begins with after it.
_EXAMPLE = re.compile(r"(training|eval) example:$")
_LOG_LINE = re.compile(r"\[(INFO|WARNING|ERROR|CRITICAL)\|\d{4}-\d\d-\d\d ")
_LEFT_OUT = "(text left out)\n"
#: How many lengths of rows an error names.
_SHOWN = 5


class Printed:
    """Reads LLaMA-Factory's lines as it prints them.

    `expected` are the rows that `training` and `evaluation` must run over. `stop` is set as soon as
    it begins to run over others, so that no hour is spent on them. Packed rows cannot be counted
    from outside; there the warnings alone tell.
    """

    def __init__(
        self, expected: Mapping[str, Part], *, packed: bool = False, stop: threading.Event
    ) -> None:
        self._expected = expected
        self._packed = packed
        self._stop = stop
        #: Rows by what runs over them: the number that is said.
        self.examples: dict[str, int] = {}
        self.warnings: Counter[str] = Counter()
        #: The last line that is not empty of what went to stderr, without text of rows.
        self.last_error = ""
        self._too_long: list[int] = []
        self._running: dict[str, str] = {}
        self._in_example = False

    def read(self, stream: str, line: str) -> str:
        """Take a line of `out` or `err`; return it as the log may hold it: without text of rows."""
        if found := _RUNNING.search(line):
            self._running[stream] = found[1].lower()
        elif found := _EXAMPLES.search(line):
            count = int(found[1].replace(",", ""))
            self.examples[self._running.get(stream, "unknown")] = count
            if self.problem(so_far=True):
                self._stop.set()
        elif found := _TOO_LONG.search(line):
            self._too_long.append(int(found[1]))
        elif found := _BEFORE_TEXT.search(line):
            if found[1] in _DROPPED:
                self.warnings[found[1].rstrip(":")] += 1
            line = f"{line[: found.end(1)]} {_LEFT_OUT}"
        if stream == "out":
            return self._without_example(line)
        self.last_error = line.strip() or self.last_error
        return line

    def _without_example(self, line: str) -> str:
        if _EXAMPLE.match(line.strip()):
            self._in_example = True
            return f"{line.strip()} {_LEFT_OUT}"
        if self._in_example and not _LOG_LINE.match(line):
            return ""
        self._in_example = False
        return line

    def problem(self, *, so_far: bool = False) -> PenstockError | None:
        """Return what is wrong with the rows; `so_far` leaves out what is yet to be said."""
        if self.warnings or self._too_long:
            names = ", ".join(name for part in self._expected.values() for name in part.names)
            return PenstockError(f"LLaMA-Factory dropped rows of {names}: {self._dropped()}")
        for kind, part in self._expected.items():
            names, read = ", ".join(part.names), self.examples.get(kind)
            if read is None and not so_far:
                return PenstockError(
                    f"LLaMA-Factory did not say how many rows of {names} it read; its log is "
                    "beside the record"
                )
            if read not in (None, part.rows) and not self._packed:
                return PenstockError(
                    f"LLaMA-Factory reads {plural(read or 0, 'row')} of {names}, which has "
                    f"{part.rows:,}; nothing that it printed says why"
                )
        return None

    def _dropped(self) -> str:
        said = [f"{words} ({plural(count, 'time')})" for words, count in self.warnings.items()]
        if self._too_long:
            lengths = ", ".join(map(str, sorted(self._too_long, reverse=True)[:_SHOWN]))
            said.append(
                f"{plural(len(self._too_long), 'row')} too long to be packed, of {lengths} tokens; "
                "raise max_length"
            )
        return "; ".join(said)
