"""JSON Lines: each line is a row or a BadLine with the reason."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import DataError
from penstock.jsonl import BadLine, dump_row, parse_line, read_rows, scan

ROWS = st.lists(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**63 - 1)
        | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
        max_size=3,
    ),
    max_size=5,
)


@given(ROWS, st.booleans(), st.booleans(), st.sampled_from(["\n", "\r\n"]))
def test_rows_are_read_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[dict[str, Any]],
    ascii_only: bool,
    final_newline: bool,
    end: str,
) -> None:
    path = tmp_path_factory.getbasetemp() / "a.jsonl"
    text = end.join(json.dumps(row, ensure_ascii=ascii_only) for row in rows)
    path.write_bytes((text + (end if final_newline and rows else "")).encode())
    assert list(read_rows(path)) == list(enumerate(rows, 1))


def test_a_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}\n{"a": 2}\n')
    assert list(read_rows(path)) == [(1, {"a": 1}), (2, {"a": 2})]


def test_an_empty_file_has_no_rows(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").touch()
    assert list(scan(tmp_path / "a.jsonl")) == []


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        (b"", "line-empty", "an empty line"),
        (b" \t\r", "line-empty", "an empty line"),
        (b'{"a": 1', "json-invalid", "column 8: not JSON ("),
        (b'{"a": "cut of', "json-invalid", "column 14: not JSON (unexpected end of data)"),
        (b'{"a": 1\r', "json-invalid", "column 8: not JSON ("),
        (b'{"a": 1,}', "json-invalid", "column 8: not JSON ("),
        (b"{'a': 1}", "json-invalid", "column 2: not JSON ("),
        (b'{"a": NaN}', "json-invalid", "column 7: not JSON ("),
        (b'{"a": "\x07"}', "json-invalid", "column 8: not JSON ("),
        (b'{"a": 1} {"a": 2}', "json-invalid", "column 10: not JSON ("),
        (b'{"a": "\\ud800"}', "json-invalid", "column 8: not JSON ("),
        ('{"naïve": 1,}'.encode(), "json-invalid", "column 12: not JSON"),
        (b'{"a": "caf\xe9"}', "not-utf8", "column 11: byte 0xe9 is not UTF-8"),
        (b"\xff\xfe{\x00", "not-utf8", "column 1: byte 0xff is not UTF-8"),
        (b"[1, 2]", "not-an-object", "a list, must be an object"),
        (b'"text"', "not-an-object", "text, must be an object"),
        (b'{"a": 1, "a" : 1}', "key-repeated", "the key 'a' occurs twice in one object"),
        (b'{"a": [{"b": 1, "c": ":", "b": 2}]}', "key-repeated", "the key 'b' occurs twice"),
        (b'{"": 1, "": 1}', "key-repeated", "the key '' occurs twice in one object"),
        (
            rb'{"text": "' + rb"he said \": " * 99 + rb'", "a\\": 1, "a\\" : 2}',
            "key-repeated",
            "the key 'a\\' occurs twice in one object",
        ),
        (
            b'{"two words": 1, "two words": 2}',
            "key-repeated",
            "the key of 9 characters occurs twice",
        ),
        (
            b'{"' + b"n" * 41 + b'": 1, "' + b"n" * 41 + b'": 2}',
            "key-repeated",
            "the key of 41 characters occurs twice",
        ),
        (b'{"a": 18446744073709551616}', "json-invalid", "a number of more than 64 bits; write it"),
        (b'{"a": -9223372036854775809}', "json-invalid", "a number of more than 64 bits"),
        (b'{"a": [{"b": [1, 1e3, ' + b"9" * 30 + b"]}]}", "json-invalid", "a number of more than"),
        (b"null", "not-an-object", "null, must be an object"),
        (b"1.5", "not-an-object", "a number, must be an object"),
        (b"true", "not-an-object", "true or false, must be an object"),
        (b'{"a":' * 2000, "json-invalid", "column "),
    ],
)
def test_a_bad_line_has_a_code_and_a_column(
    tmp_path: Path, line: bytes, code: str, message: str
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"a": 1}\n' + line + b'\n{"a": 3}\n')
    first, (number, bad), last = scan(path)
    assert (first, last) == ((1, {"a": 1}), (3, {"a": 3}))
    assert number == 2
    assert isinstance(bad, BadLine)
    assert (bad.code, bad.message[: len(message)]) == (code, message)
    with pytest.raises(DataError) as caught:
        list(read_rows(path))
    assert str(caught.value) == f"{path}:2: {bad.message}"
    assert caught.value.line == 2


def test_integers_of_64_bits_and_large_floats_are_read(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.jsonl"
    row = '{"a": 18446744073709551615, "b": [-9223372036854775808, 1e22, 12345678901234567890.5]}'
    path.write_text(row)
    assert list(read_rows(path)) == [(1, json.loads(row))]


@given(ROWS)
def test_written_rows_are_read_back(rows: list[dict[str, Any]]) -> None:
    assert [parse_line(dump_row(row)) for row in rows] == rows


@pytest.mark.parametrize(
    "value",
    [
        *(b"secret", Decimal("1.5"), {1: "secret"}, {"a": [{"secret"}]}, 2**64, "secret \ud83d"),
        *(float("nan"), [1.5, float("inf")], {"a": (("b", float("nan")),)}),
    ],
)
def test_values_that_json_cannot_represent_are_named_by_field_and_not_shown(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^the field 'x' cannot be JSON \(") as refused:
        dump_row({"text": "null", "y": None, "x": value})
    assert "secret" not in str(refused.value)


def test_values_nested_too_deeply_are_named_by_field() -> None:
    value: Any = 1
    for _ in range(254):
        value = [value]
    with pytest.raises(ValueError, match="the field 'x' cannot be JSON"):
        dump_row({"x": value})
    assert dump_row({"x": value[0]}) == b'{"x":' + b"[" * 253 + b"1" + b"]" * 253 + b"}"


def test_rows_before_a_bad_line_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": 1}\n{"a": 2\n')
    rows = read_rows(path)
    assert next(rows) == (1, {"a": 1})
    with pytest.raises(DataError):
        next(rows)


def test_a_missing_file_raises_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(scan(tmp_path / "none.jsonl"))
