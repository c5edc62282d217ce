"""The sources csv and tsv: tables of text."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.source_rows import make, read, rows_of, texts_of, write_lines
from penstock.errors import DataError

NOT_UTF8 = "byte 0xff is not UTF-8; `undecodable: cp1252` decodes such bytes as Windows-1252"
FIELD = st.lists(st.sampled_from([*'",\naé \t;', "\r\n"]), max_size=6).map("".join)


@given(st.lists(st.tuples(FIELD, FIELD), max_size=8), st.sampled_from([",", ";", "\t"]))
def test_tables_written_by_the_standard_library_are_read(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], delimiter: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "written.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, delimiter=delimiter)
        writer.writerow(["id", "text"])
        writer.writerows(rows)
    source = make("csv", path=str(path), delimiter=delimiter)
    assert rows_of(source, split_bytes=10) == [{"id": one, "text": two} for one, two in rows]


@given(st.text(alphabet='",\n\r a', max_size=60), st.integers(1, 20))
def test_input_splits_do_not_change_the_rows_of_a_table(
    tmp_path_factory: pytest.TempPathFactory, text: str, split_bytes: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "anything.csv"
    path.write_bytes(f"id,text\n{text}".encode())

    def outcome(size: int) -> Any:
        try:
            return read(make("csv", path=str(path)), split_bytes=size)
        except DataError as error:
            return str(error)

    assert outcome(split_bytes) == outcome(1 << 20)


@given(st.lists(st.sampled_from(['a"b', '"', "'é", "longer text, here"])), st.integers(1, 50))
def test_without_quoting_a_table_is_cut_at_lines(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], split_bytes: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "cut.tsv"
    write_lines(path, ["id\ttext", *(f"{n}\t{text}" for n, text in enumerate(texts))])
    expected = [{"id": str(n), "text": text} for n, text in enumerate(texts)]
    assert rows_of(make("tsv", path=str(path)), split_bytes=split_bytes) == expected


def test_the_suffix_determines_the_delimiter(tmp_path: Path) -> None:
    for name, line in {"a.csv": "1,x", "b.tsv": "1\tx", "c.tsv.gz": "1\tx"}.items():
        data = line.replace("1", "id").replace("x", "text") + "\n" + line + "\n"
        packed = gzip.compress(data.encode()) if name.endswith(".gz") else data.encode()
        (tmp_path / name).write_bytes(packed)
    assert rows_of(make("csv", path=str(tmp_path / "*"))) == [{"id": "1", "text": "x"}] * 3


def test_columns_name_the_fields_of_a_file_without_a_header(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.csv", ["1,a", "2,b"])
    assert rows_of(make("csv", path=str(path), columns=["id", "text"])) == [
        {"id": "1", "text": "a"},
        {"id": "2", "text": "b"},
    ]


def test_a_byte_order_mark_is_not_part_of_the_first_name(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("\ufefftext,id\r\na,1\r\n".encode())
    assert rows_of(make("csv", path=str(path), metadata=["id"])) == [{"text": "a", "id": "1"}]


@pytest.mark.parametrize("kind", ["csv", "tsv"])
@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"1", "1 field, must be 2"),
        (b"1,b,c", "3 fields, must be 2"),
        (b"", "an empty line"),
        (b"1,secret \xff", f"column 10: {NOT_UTF8}"),
    ],
)
def test_a_bad_line_is_reported_with_its_number(
    tmp_path: Path, kind: str, line: bytes, reason: str
) -> None:
    lines = [b"id,text", b"1,a", line, b"3,c"]
    path = write_lines(
        tmp_path / "a", [e.replace(b",", b"\t" * (kind == "tsv") or b",") for e in lines]
    )
    with pytest.raises(DataError) as caught:
        read(make(kind, path=str(path)))
    assert str(caught.value) == f"{path}:3: {reason}"
    rows, errors, _ = read(make(kind, path=str(path)), skip=True)
    assert [row["text"] for row in rows] == ["a", "c"]
    assert errors == [(str(path), 3, reason)]


def test_lines_within_quotes_are_counted(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.csv", ["id,text", '1,"a', "b", 'c"', '2,"', '"', "4"])
    rows, errors, _ = read(make("csv", path=str(path)), skip=True)
    assert rows == [{"id": "1", "text": "a\nb\nc"}, {"id": "2", "text": "\n"}]
    assert [(line, reason) for _, line, reason in errors] == [(7, "1 field, must be 2")]


def test_a_bad_encoding_within_quotes_is_reported_with_its_own_line(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.csv", ["id,text", '1,"a', b"secret \xff", 'c"', "2,b"])
    rows, errors, _ = read(make("csv", path=str(path)), skip=True)
    assert rows == [{"id": "2", "text": "b"}]
    assert errors == [(str(path), 3, f"column 8: {NOT_UTF8}")]


@pytest.mark.parametrize("skip", [False, True])
@pytest.mark.parametrize("bad", ['1,"a"b,"x', "1,a\rb", '1,"a"b'])
def test_no_row_is_invented_after_a_misplaced_quote(tmp_path: Path, bad: str, skip: bool) -> None:
    path = write_lines(tmp_path / "a.csv", ["id,text", "0,a", bad, '9,invented"', "3,fine"])
    with pytest.raises(DataError) as refused:
        read(make("csv", path=str(path)), skip=skip)
    assert str(refused.value).startswith(f"{path}:3: not CSV (")
    assert str(refused.value).endswith("set `quoting: none`")


@pytest.mark.parametrize("skip", [False, True])
def test_an_unclosed_quote_is_fatal(tmp_path: Path, skip: bool) -> None:
    path = write_lines(tmp_path / "a.csv", ["id,text", '1,"a', "2,b", "3,c"])
    with pytest.raises(DataError, match=r"a\.csv:2: a quote of this record is not closed"):
        read(make("csv", path=str(path)), skip=skip)


def test_texts_may_exceed_the_field_limit_of_the_standard_library(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.csv", ["id,text", "1," + "x" * 300_000])
    assert len(texts_of(make("csv", path=str(path)))[0]) == 300_000


@pytest.mark.parametrize(
    ("content", "settings", "message"),
    [
        ("", {}, "must begin with a line of names"),
        (
            "id,txt\n1,a\n",
            {},
            r"has no column 'text' among the 2 names of its first line; .* `columns`$",
        ),
        ("id,text\n1,a\n", {"metadata": ["name"]}, "has no column 'name' among the 2 names"),
        ("text,text\na,b\n", {}, "has two columns of the same name; rename one"),
    ],
)
@pytest.mark.parametrize("skip", [False, True])
def test_a_header_without_a_required_column_is_fatal(
    tmp_path: Path, content: str, settings: dict[str, Any], message: str, skip: bool
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(content)
    with pytest.raises(DataError, match=message):
        read(make("csv", path=str(path), **settings), skip=skip)


@pytest.mark.parametrize("kind", ["csv", "tsv"])
@pytest.mark.parametrize(
    "line", ["P1,John Smith has HIV", "text HIV,texts HIV", "id,John Smith has HIV,id"]
)
def test_a_first_line_that_may_be_a_row_is_not_shown(tmp_path: Path, kind: str, line: str) -> None:
    path = write_lines(tmp_path / "a", [line.replace(",", "\t") if kind == "tsv" else line])
    with pytest.raises(DataError) as refused:
        read(make(kind, path=str(path)))
    assert "HIV" not in str(refused.value)


def test_column_names_of_the_recipe_are_suggested(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.csv", ["1,a"])
    with pytest.raises(DataError, match="has no column 'text'; did you mean 'txt'"):
        read(make("csv", path=str(path), columns=["id", "txt"]))


def test_a_header_that_is_not_utf8_is_fatal(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.csv", [b"id,t\xffext", "id,text", "1,a"])
    with pytest.raises(DataError, match=r"a\.csv:1: column 5: byte 0xff"):
        read(make("csv", path=str(path)), skip=True)


def test_a_missing_optional_column_is_null(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.csv", ["text", "a"])
    source = make("csv", path=str(path), metadata=["note"], optional=["note"])
    assert rows_of(source) == [{"text": "a", "note": None}]


def test_a_real_table_with_quotes_in_its_text_is_read_completely(shared_data: Path) -> None:
    path = next(iter(sorted((shared_data / "pairs" / "paws").glob("*.tsv"))))
    lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    expected = [line.split("\t")[1] for line in lines[1:]]
    source = make("tsv", path=str(path), text="sentence1", metadata=["label"])
    assert texts_of(source, split_bytes=100_000) == expected


@pytest.mark.parametrize(
    ("kind", "mark", "hint"),
    [("csv", "\t", '"\\t"'), ("tsv", ",", '","'), ("csv", ";", '";"'), ("tsv", "|", '"|"')],
)
def test_the_error_for_a_wrong_delimiter_names_the_right_one(
    tmp_path: Path, kind: str, mark: str, hint: str
) -> None:
    path = write_lines(tmp_path / "a", [mark.join("abc"), mark.join("123")])
    with pytest.raises(DataError) as caught:
        read(make(kind, path=str(path), text="b"))
    message = f"the first line is one field; it has 3 with `delimiter: {hint}`"
    assert str(caught.value) == f"{path}:1: {message}"
    delimiter = {"delimiter": mark}
    assert rows_of(make(kind, path=str(path), text="b", **delimiter))[0]["text"] == "2"
    with pytest.raises(DataError, match=r"a:1: 1 field, must be 3; it has 3 with `delimiter: "):
        read(make(kind, path=str(path), text="b", columns=["a", "b", "c"]))


def test_a_column_name_may_contain_other_delimiters(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.csv", ["a;b", "x"])
    assert texts_of(make("csv", path=str(path), text="a;b")) == ["x"]


@pytest.mark.parametrize("kind", ["csv", "tsv"])
def test_windows_1252_is_decoded_on_request(tmp_path: Path, kind: str) -> None:
    lines = [b"text", b"plain", "naïve".encode(), "€ é ".encode() + b"it\x92s \xe9"]
    path = write_lines(tmp_path / "a", lines)
    source = make(kind, path=str(path), undecodable="cp1252")
    rows, errors, counts = read(source, split_bytes=10)
    assert [row["text"] for row in rows] == ["plain", "naïve", "€ é it’s é"]
    assert (errors, counts) == ([], {"cp1252_bytes": 2})
    with pytest.raises(DataError, match=r"a:4: column 10: byte 0x92 is not UTF-8; `undecodable: "):
        read(make(kind, path=str(path)))


def test_bytes_that_are_not_windows_1252_either_are_reported(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.csv", [b"text", b"caf\xe9 \x81"])
    with pytest.raises(DataError, match=r"a\.csv:2: column 6: byte 0x81 is neither UTF-8 nor"):
        read(make("csv", path=str(path), undecodable="cp1252"))


def test_a_long_line_of_windows_1252_is_decoded_in_one_pass(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.csv", [b"text", b"\xe9" * 500_000 + "é€".encode()])
    rows, _, counts = read(make("csv", path=str(path), undecodable="cp1252"))
    assert rows == [{"text": "é" * 500_001 + "€"}]
    assert counts == {"cp1252_bytes": 500_000}


@pytest.mark.parametrize("quoting", ["standard", "none"])
@pytest.mark.parametrize("record", ["a,b\n", '"a\n\nb",c\n', '"' + "a\n" * 90 + '",b\n'])
def test_the_first_split_equals_the_first_of_all_splits(
    tmp_path: Path, quoting: str, record: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,text\n" + record * 40)
    source = make("csv", path=str(path), quoting=quoting)
    for size in (1, 50, 100_000):
        assert source.first_split(size) == source.input_splits(size)[0]
