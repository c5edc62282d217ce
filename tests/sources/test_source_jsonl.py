"""The source jsonl: rows of JSON Lines, and how bad lines are reported."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from helpers.source_rows import make, read, rows_of, texts_of, write_lines
from penstock.errors import DataError

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def packed(path: Path, data: bytes) -> Path:
    """Write data, compressed according to the suffix."""
    compress = gzip.compress if path.suffix == ".gz" else zstandard.ZstdCompressor().compress
    path.write_bytes(compress(data))
    return path


@given(
    st.lists(TEXT, max_size=12),
    st.integers(1, 200),
    st.booleans(),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
)
def test_every_row_is_read_once_wherever_the_file_is_cut(
    tmp_path_factory: pytest.TempPathFactory,
    texts: list[str],
    split_bytes: int,
    final_newline: bool,
    end: str,
    mark: bool,
) -> None:
    path = tmp_path_factory.getbasetemp() / "cut.jsonl"
    lines = [json.dumps({"text": text, "n": n}, ensure_ascii=False) for n, text in enumerate(texts)]
    content = end.join(lines) + (end if final_newline and texts else "")
    path.write_bytes(content.encode("utf-8-sig" if mark else "utf-8"))
    rows = rows_of(make("jsonl", path=str(path)), split_bytes=split_bytes)
    assert rows == [{"text": text, "n": n} for n, text in enumerate(texts)]


@given(st.integers(1, 120), st.lists(st.booleans(), min_size=1, max_size=15))
def test_bad_lines_are_numbered_by_file_wherever_it_is_cut(
    tmp_path_factory: pytest.TempPathFactory, split_bytes: int, good: list[bool]
) -> None:
    path = tmp_path_factory.getbasetemp() / "named.jsonl"
    write_lines(path, ['{"text": "ab"}' if valid else "{" for valid in good])
    source = make("jsonl", path=str(path))
    rows, errors, counts = read(source, split_bytes=split_bytes, skip=True)
    assert len(rows) == sum(good)
    assert [line for _, line, _ in errors] == [n for n, valid in enumerate(good, 1) if not valid]
    assert counts.get("unusable", 0) == good.count(False)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"", "an empty line"),
        (b'{"text": "cut', "column 14: not JSON"),
        (b'{"text": "caf\xe9"}', "column 14: byte 0xe9 is not UTF-8"),
        (b"[1]", "a list, must be an object"),
        (b'{"text": "a", "text": "b"}', "the key 'text' occurs twice in one object"),
        (b'{"text": "a: \\": b", "n" : {"x": 1, "x"\t: 2}}', "the key 'x' occurs twice"),
        (b'{"body": "a"}', "the field 'text' is missing"),
        (b'{"text": null}', "the field 'text' is null, must be text"),
        (b'{"text": ["a"]}', "the field 'text' is a list, must be text"),
        (b'{"text": "\\ud83d"}', "a lone surrogate; `surrogates: replace` replaces it by U+FFFD"),
    ],
)
def test_a_bad_line_is_fatal_or_skipped(tmp_path: Path, line: bytes, reason: str) -> None:
    path = write_lines(tmp_path / "a.jsonl", ['{"text": "1"}', line, '{"text": "3"}'])
    source = make("jsonl", path=str(path))
    with pytest.raises(DataError) as caught:
        read(source)
    assert str(caught.value).startswith(f"{path}:2: ")
    assert reason in str(caught.value)
    rows, errors, counts = read(source, skip=True)
    assert [row["text"] for row in rows] == ["1", "3"]
    assert [(file, number) for file, number, _ in errors] == [(str(path), 2)]
    assert reason in errors[0][2]
    assert counts["unusable"] == 1


def test_an_empty_last_line_is_bad_as_for_megatron(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", ['{"text": "1"}', ""])
    with pytest.raises(DataError, match=r"a\.jsonl:2: an empty line"):
        read(make("jsonl", path=str(path)))


def test_no_error_shows_the_text_of_a_row(tmp_path: Path) -> None:
    lines = ['{"text": "secret" "x"}', '{"body": "secret"}', '{"text": {"a": "secret"}}']
    path = write_lines(tmp_path / "a.jsonl", lines)
    _, errors, _ = read(make("jsonl", path=str(path)), skip=True)
    assert len(errors) == 3
    assert "secret" not in str(errors)


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_compressed_files_are_read_like_plain_ones(tmp_path: Path, suffix: str) -> None:
    data = b"".join(b'{"text": "%d"}\n' % n for n in range(50_000))
    path = packed(tmp_path / f"a.jsonl{suffix}", data)
    source = make("jsonl", path=str(path))
    assert len(source.input_splits(1000)) == 1
    assert texts_of(source) == [str(n) for n in range(50_000)]


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_concatenated_archives_are_read(tmp_path: Path, suffix: str) -> None:
    one = packed(tmp_path / f"1{suffix}", b'{"text": "1"}\n').read_bytes()
    two = packed(tmp_path / f"2{suffix}", b'{"text": "2"}\n').read_bytes()
    path = tmp_path / f"a.jsonl{suffix}"
    path.write_bytes(one + two)
    assert texts_of(make("jsonl", path=str(path))) == ["1", "2"]


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
@pytest.mark.parametrize("skip", [False, True])
def test_a_truncated_archive_is_reported_with_the_number_of_lines(
    tmp_path: Path, suffix: str, skip: bool
) -> None:
    # Random digits hardly compress, so most lines before the truncation can be read.
    data = b"".join(b'{"text": "%x"}\n' % (n * 0x9E3779B97F4A7C15 % 2**64) for n in range(60_000))
    path = packed(tmp_path / f"a.jsonl{suffix}", data)
    complete = path.read_bytes()
    path.write_bytes(complete[: len(complete) // 2])
    source = make("jsonl", path=str(path))
    with pytest.raises(DataError) as caught:
        read(source, skip=skip)
    message = str(caught.value)
    assert message.startswith(f"{path}: is truncated after ")
    lines = int(message.split(" after ")[1].split(" line")[0].replace(",", ""))
    assert 10_000 < lines < 50_000


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_an_invalid_or_corrupt_archive_is_reported_with_its_path(
    tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"a.jsonl{suffix}"
    path.write_bytes(b'{"text": "1"}\n')
    with pytest.raises(DataError, match="cannot be decompressed"):
        read(make("jsonl", path=str(path)))
    data = bytearray(packed(path, b'{"text": "12345"}\n' * 1000).read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"a\.jsonl"):
        read(make("jsonl", path=str(path)))


def test_a_file_that_became_shorter_is_an_error(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", ['{"text": "1"}'] * 20)
    source = make("jsonl", path=str(path))
    input_splits = source.input_splits(100)
    path.write_bytes(path.read_bytes()[:112])
    from penstock.batches import RowStats

    with pytest.raises(DataError, match="was longer when the build began"):
        for input_split in input_splits:
            list(source.read(input_split, RowStats(lambda number: ("", number))))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, {"text": "t", "id": 1, "doc": {"body": "b", "lang": "en"}, "a.b": "dotted"}),
        ({"metadata": []}, {"text": "t"}),
        ({"metadata": ["id"]}, {"text": "t", "id": 1}),
        (
            {"metadata": {"language": "doc.lang", "dotted": "a.b"}},
            {"text": "t", "language": "en", "dotted": "dotted"},
        ),
        ({"metadata": ["id", "none"], "optional": ["none"]}, {"text": "t", "id": 1, "none": None}),
        ({"text": "doc.body", "metadata": {"title": "text"}}, {"text": "b", "title": "t"}),
    ],
)
def test_text_and_metadata_are_the_selected_fields(
    tmp_path: Path, settings: dict[str, Any], expected: dict[str, Any]
) -> None:
    row = {"text": "t", "id": 1, "doc": {"body": "b", "lang": "en"}, "a.b": "dotted"}
    path = write_lines(tmp_path / "a.jsonl", [json.dumps(row)])
    assert rows_of(make("jsonl", path=str(path), **settings)) == [expected]


def test_a_text_of_another_name_replaces_its_field(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", ['{"id": 1, "doc": {"body": "b", "n": 2}}'])
    rows = rows_of(make("jsonl", path=str(path), text="doc.body"))
    assert rows == [{"id": 1, "doc": {"n": 2}, "text": "b"}]


def test_a_field_named_text_besides_the_text_is_an_error(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", ['{"text": "summary", "body": "b"}'])
    with pytest.raises(DataError, match=r":1: has a field 'text' besides 'body'; list under"):
        read(make("jsonl", path=str(path), text="body"))


def test_a_row_that_lacks_a_listed_field_is_bad(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.jsonl", ['{"text": "a", "id": 1}', '{"text": "b"}'])
    with pytest.raises(DataError, match=r":2: the field 'id' is missing"):
        read(make("jsonl", path=str(path), metadata=["id"]))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"metadata": {"text": "title"}}, "metadata cannot be named 'text'"),
        ({"metadata": ["id"], "optional": ["date"]}, "optional names 'date'"),
    ],
)
def test_contradictory_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        make("jsonl", path="a.jsonl", **settings)


def test_lone_surrogates_are_replaced_and_counted_on_request(tmp_path: Path) -> None:
    lines = [
        r'{"text": "a\ud83db", "n": "\udc00"}',
        r'{"text": "\ud83d\ude00 and \\ud83d"}',
        r'{"text": "\ud83d\u0041"}',
    ]
    path = write_lines(tmp_path / "a.jsonl", lines)
    rows, _, counts = read(make("jsonl", path=str(path), surrogates="replace"))
    assert rows == [
        {"text": "a\ufffdb", "n": "\ufffd"},
        {"text": "\U0001f600 and \\ud83d"},
        {"text": "\ufffdA"},
    ]
    assert counts == {"surrogates_replaced": 3}


def test_real_text_is_read_completely(shared_data: Path, tmp_path: Path) -> None:
    archive = shared_data / "text" / "multilingual.jsonl.gz"
    data = gzip.decompress(archive.read_bytes())
    expected = [json.loads(line) for line in data.splitlines()]
    plain = tmp_path / "multilingual.jsonl"
    plain.write_bytes(data)
    assert rows_of(make("jsonl", path=str(archive))) == expected
    for split_bytes in (10_000, 333_333):
        assert rows_of(make("jsonl", path=str(plain)), split_bytes=split_bytes) == expected
