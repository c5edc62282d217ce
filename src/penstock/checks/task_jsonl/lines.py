"""The bytes of a file, before any row: byte order mark, line ends, the last newline."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from penstock.checks import _codes as codes
from penstock.checks._collect import Collector
from penstock.files import plural
from penstock.jsonl import has_mark

#: How many bytes are read at a time.
READ_SIZE = 1 << 20


def check_mark(path: Path, collector: Collector) -> None:
    """Find a byte order mark; raises OSError where the file cannot be read."""
    if has_mark(path):
        message = "starts with a byte order mark (EF BB BF), on which JSON readers stop"
        collector.add(codes.BYTE_ORDER_MARK, message, file=path, line=1)


def check_lines(path: Path, collector: Collector) -> None:
    """Find what is unusual about the bytes of a file; raises OSError where it cannot be read."""
    check_mark(path, collector)
    carriage_returns = lines = 0
    first_crlf = None
    last = b""
    with path.open("rb") as stream:
        for chunk in iter(partial(stream.read, READ_SIZE), b""):
            # A pair may stand across two chunks.
            pairs = last + chunk
            if (found := pairs.count(b"\r\n")) and first_crlf is None:
                first_crlf = lines + pairs[: pairs.index(b"\r\n")].count(b"\n") + 1
            carriage_returns += found
            lines += chunk.count(b"\n")
            last = chunk[-1:]
    if carriage_returns:
        message = f"{plural(carriage_returns, 'line')} end with CR LF"
        collector.add(codes.CRLF, message, file=path, line=first_crlf, count=carriage_returns)
    if last not in (b"", b"\n"):
        message = "the last line does not end with a newline"
        collector.add(codes.FINAL_NEWLINE, message, file=path, line=lines + 1)
