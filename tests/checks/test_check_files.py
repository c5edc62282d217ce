"""Lines that are not rows, and unusual bytes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from helpers.check_datasets import copa_rows, only_finding, write_copa
from penstock.checks import check
from penstock.checks._files import CHUNK_BYTES
from penstock.findings import Severity


def write_lines(tmp_path: Path, content: bytes) -> Path:
    copa = write_copa(tmp_path / "Copa")
    (copa / "copa_train.jsonl").write_bytes(content)
    return copa


def encoded(first: int, last: int, end: bytes = b"\n") -> bytes:
    rows = copa_rows(last - first, first=first)
    return b"".join(json.dumps(row).encode() + end for row in rows)


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        (b'{"premise": "caf\xe9"}\n', "not-utf8", "column 17: byte 0xe9"),
        (b'{"premise": "a",, "idx": 1}\n', "json-invalid", "column 17"),
        (b"\n", "line-empty", "empty line"),
        (b"  \t\n", "line-empty", "empty line"),
        (b'["a", "b"]\n', "not-an-object", "a list, must be an object"),
        (b'{"idx": 1, "idx": 2}\n', "key-repeated", "the key 'idx' occurs twice"),
        (b"null\n", "not-an-object", "null, must be an object"),
    ],
)
def test_a_line_that_is_not_a_row_is_an_error_with_its_location(
    tmp_path: Path, line: bytes, code: str, message: str
) -> None:
    copa = write_lines(tmp_path, encoded(0, 3) + line + encoded(3, 5) + line)
    finding = only_finding(copa)
    assert (finding.code, finding.severity) == (code, Severity.ERROR)
    assert (finding.file, finding.line, finding.count) == (str(copa / "copa_train.jsonl"), 4, 2)
    assert message in finding.message
    assert check(copa).datasets[0].rows == 10


def test_a_byte_order_mark_is_an_error_and_the_first_row_is_read(tmp_path: Path) -> None:
    copa = write_lines(tmp_path, b"\xef\xbb\xbf" + encoded(0, 3))
    finding = only_finding(copa)
    assert (finding.code, finding.severity) == ("byte-order-mark", Severity.ERROR)
    assert finding.line == 1
    assert check(copa).datasets[0].rows == 8


def test_a_file_in_utf16_is_not_utf8_in_every_line(tmp_path: Path) -> None:
    text = encoded(0, 3).decode()
    findings = check(write_lines(tmp_path, text.encode("utf-16"))).datasets[0].findings
    assert ("not-utf8", 1) in {(finding.code, finding.line) for finding in findings}
    assert not check(tmp_path).ok


def test_a_missing_final_newline_is_an_info(tmp_path: Path) -> None:
    finding = only_finding(write_lines(tmp_path, encoded(0, 3).rstrip(b"\n")))
    assert (finding.code, finding.severity, finding.line) == ("final-newline", Severity.INFO, 3)


def test_lines_that_end_with_cr_lf_are_counted_as_an_info(tmp_path: Path) -> None:
    copa = write_lines(tmp_path, encoded(0, 2) + encoded(2, 5, b"\r\n"))
    finding = only_finding(copa)
    assert (finding.code, finding.severity) == ("crlf", Severity.INFO)
    assert (finding.line, finding.count) == (3, 3)


def test_cr_lf_is_found_across_two_reads(tmp_path: Path) -> None:
    row = copa_rows(1)[0]
    bare = len(json.dumps(row | {"premise": ""}).encode())
    for distance in (-1, 0, 1):
        premise = "a" * (CHUNK_BYTES - 1 + distance - bare)
        content = json.dumps(row | {"premise": premise}).encode() + b"\r\n" + encoded(1, 3)
        finding = only_finding(write_lines(tmp_path, content))
        assert (finding.code, finding.line, finding.count) == ("crlf", 1, 1)
