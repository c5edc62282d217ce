"""The source text: one document per file, line or paragraph."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.source_rows import make, read, rows_of, texts_of
from penstock.errors import DataError

PARAGRAPHS = st.lists(st.lists(st.sampled_from(["a", "bc é", " d"]), min_size=1, max_size=3))


def test_a_file_is_a_document_and_small_files_share_an_input_split(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"{number}.txt").write_bytes(f"\ufefftext {number}\r\n\r\nof é\n".encode())
    source = make("text", path=str(tmp_path / "*.txt"))
    assert len(source.input_splits(1 << 20)) == 1
    expected = [
        {"text": f"text {n}\r\n\r\nof é\n", "file": str(tmp_path / f"{n}.txt")} for n in range(20)
    ]
    for split_bytes in (1, 50, 1 << 20):
        assert rows_of(source, split_bytes=split_bytes) == expected


def test_a_file_that_is_not_utf8_is_reported_with_line_and_column(tmp_path: Path) -> None:
    (tmp_path / "1.txt").write_bytes(b"fine")
    (tmp_path / "2.txt").write_bytes(b"fine\nsecret \xe9")
    (tmp_path / "3.txt").write_bytes(b"fine")
    source = make("text", path=str(tmp_path / "*.txt"))
    with pytest.raises(DataError) as caught:
        read(source)
    location = f"{tmp_path / '2.txt'}:1: line 2 of the text, column 8: byte 0xe9 is not UTF-8"
    assert str(caught.value) == location
    rows, errors, _ = read(source, skip=True)
    assert len(rows) == 2
    assert [Path(file).name for file, _, _ in errors] == ["2.txt"]


@given(
    st.lists(st.sampled_from(["", " ", "a", "longer é line"]), max_size=20),
    st.integers(1, 60),
    st.sampled_from(["\n", "\r\n"]),
)
def test_every_line_is_read_once_wherever_the_file_is_cut(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], split_bytes: int, end: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "lines.txt"
    path.write_bytes("".join(line + end for line in lines).encode())
    rows, _, counts = read(make("text", path=str(path), documents="line"), split_bytes=split_bytes)
    assert [row["text"] for row in rows] == [line for line in lines if line.strip()]
    assert counts.get("empty_lines", 0) == sum(not line.strip() for line in lines)


@given(
    PARAGRAPHS,
    st.integers(1, 60),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([1, 3]),
    st.booleans(),
    st.booleans(),
)
def test_every_paragraph_is_read_once_wherever_the_file_is_cut(
    tmp_path_factory: pytest.TempPathFactory,
    paragraphs: list[list[str]],
    split_bytes: int,
    end: str,
    empty: int,
    led: bool,
    mark: bool,
) -> None:
    path = tmp_path_factory.getbasetemp() / "paragraphs.txt"
    content = (end * (1 + empty)).join(end.join(lines) for lines in paragraphs)
    path.write_bytes((end * 2 * led + content).encode("utf-8-sig" if mark else "utf-8"))
    source = make("text", path=str(path), documents="paragraph")
    expected = [end.join(lines) for lines in paragraphs]
    assert texts_of(source, split_bytes=split_bytes) == expected


@pytest.mark.parametrize("split_bytes", [4, 9, 1000])
def test_a_bad_line_or_paragraph_is_reported_with_its_line(
    tmp_path: Path, split_bytes: int
) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"one\n\ntwo\nsecret \xff\n\nthree\n")
    lines = make("text", path=str(path), documents="line")
    rows, errors, _ = read(lines, split_bytes=split_bytes, skip=True)
    assert [row["text"] for row in rows] == ["one", "two", "three"]
    assert errors == [(str(path), 4, "column 8: byte 0xff is not UTF-8")]
    paragraphs = make("text", path=str(path), documents="paragraph")
    rows, errors, _ = read(paragraphs, split_bytes=split_bytes, skip=True)
    assert [row["text"] for row in rows] == ["one", "three"]
    assert errors == [(str(path), 3, "line 2 of the text, column 8: byte 0xff is not UTF-8")]


@pytest.mark.parametrize("documents", ["file", "line", "paragraph"])
def test_a_truncated_archive_of_text_is_fatal(tmp_path: Path, documents: str) -> None:
    path = tmp_path / "a.txt.gz"
    data = gzip.compress(b"one\ntwo\n")
    path.write_bytes(data)
    assert "".join(texts_of(make("text", path=str(path), documents=documents))).startswith("one")
    path.write_bytes(data[:-4])
    with pytest.raises(DataError, match=r"a\.txt\.gz: is truncated"):
        read(make("text", path=str(path), documents=documents), skip=True)
