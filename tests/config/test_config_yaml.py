"""Scalars are those of YAML 1.2, and files of every kind are read or refused in words."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from penstock.config import parse_yaml, read_yaml
from penstock.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-6", 1e-6),
        ("1E5", 1e5),
        (".5", 0.5),
        ("1.", 1.0),
        ("-1.5e+3", -1500.0),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("012", 12),
        ("-7", -7),
        ("+7", 7),
        ("0o17", 15),
        ("0x1F", 31),
        ("true", True),
        ("FALSE", False),
        ("null", None),
        ("~", None),
        ("", None),
    ],
)
def test_a_plain_scalar_is_what_yaml_1_2_says(text: str, value: object) -> None:
    read = parse_yaml(f"key: {text}").data["key"]
    assert (type(read), read) == (type(value), value)


def test_nan_is_a_number() -> None:
    assert math.isnan(parse_yaml("key: .nan").data["key"])


@pytest.mark.parametrize(
    "text",
    [
        *("no", "yes", "on", "off", "y", "None", "inf", "+.nan", "=", "13-2", "v1.0.0", "1e"),
        *("2024-01-31", "12:30:45", "1_000", "0b101", "0O17"),
    ],
)
def test_what_yaml_1_1_would_read_as_something_else_stays_text(text: str) -> None:
    assert parse_yaml(f"key: {text}").data == {"key": text}


@pytest.mark.parametrize("text", ["'1e-6'", '"1e-6"', "!!str 1e-6"])
def test_a_number_in_quotes_is_text(text: str) -> None:
    assert parse_yaml(f"key: {text}").data == {"key": "1e-6"}


@pytest.mark.parametrize(
    "content",
    [
        b"a: 1\nb: [x, y]\n",
        b"a: 1\r\nb: [x, y]\r\n",
        b"\xef\xbb\xbfa: 1\nb: [x, y]\n",
        b"---\na: 1 # one\nb:\n- x\n- y\n...\n",
        b'{"a": 1, "b": ["x", "y"]}',
    ],
    ids=["lf", "crlf", "bom", "block", "json"],
)
def test_a_file_reads_the_same_however_it_was_saved(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(content)
    assert read_yaml(path).data == {"a": 1, "b": ["x", "y"]}


def test_anchors_and_merge_keys_are_followed() -> None:
    document = parse_yaml(
        "base: &base {steps: 10, seed: 1}\n"
        "other: &other {rate: 1e-3}\n"
        "one: {<<: *base, seed: 2}\n"
        "two:\n  <<: [*base, *other]\n"
        "same: *base\n"
    )
    assert document.data["one"] == {"steps": 10, "seed": 2}
    assert document.data["two"] == {"steps": 10, "seed": 1, "rate": 1e-3}
    assert document.data["same"] == document.data["base"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the file is empty; it must hold a mapping"),
        (b"# only words\n", "the file is empty; it must hold a mapping"),
        (b"- a\n- b\n", "1:1: must hold a mapping of keys to values"),
        (b"just words\n", "1:1: must hold a mapping of keys to values"),
        (b"a: caf\xe9\n", "not UTF-8 (byte 6); save it as UTF-8"),
        ("a: 1\n".encode("utf-16"), "not UTF-8 (byte 0); save it as UTF-8"),
        (b"a: 1\nb: \x00\x01\n", "2:4: not YAML: character #x0000 is not allowed"),
        (b"a: 1\n--- \nb: 2\n", "2:1: expected a single document"),
    ],
    ids=["empty", "comment", "list", "text", "latin-1", "utf-16", "binary", "two documents"],
)
def test_a_file_that_holds_no_mapping_is_refused(
    tmp_path: Path, content: bytes, words: str
) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_yaml(path)
    assert str(caught.value).startswith(f"{path}:")
    assert words in str(caught.value)


def test_a_missing_file_and_a_directory_are_named(tmp_path: Path) -> None:
    (tmp_path / "copa.yaml").write_text("a: 1")
    with pytest.raises(ConfigError, match=r"cpoa\.yaml: there is no such file; did you mean 'copa"):
        read_yaml(tmp_path / "cpoa.yaml")
    with pytest.raises(ConfigError, match=r"none/a\.yaml: there is no such file$"):
        read_yaml(tmp_path / "none" / "a.yaml")
    with pytest.raises(ConfigError, match="is a directory; name the YAML file in it"):
        read_yaml(tmp_path)


def test_a_value_that_refers_to_itself_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"<text>:2:7: list\.1: refers to itself"):
        parse_yaml("a: 1\nlist: &l [1, *l]\n")


def test_aliases_of_aliases_are_read_once() -> None:
    lines = ["a0: &a0 [x, x]"]
    lines += [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60)]
    assert parse_yaml("\n".join(lines)).data["a59"][0][1][0][1] is not None


def test_values_nested_without_end_are_refused() -> None:
    with pytest.raises(ConfigError, match="nested too deeply"):
        parse_yaml(f"a: {'[' * 5000}{']' * 5000}")
