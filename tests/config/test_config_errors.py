"""An error in a configuration names file, line, column and field, with a caret under the place."""

from __future__ import annotations

import pytest

from penstock.config import parse_yaml
from penstock.errors import ConfigError


def message(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_yaml(text, "copa.yaml")
    return str(caught.value)


def test_a_key_that_stands_twice_names_both_lines() -> None:
    assert message("model: a\nsteps: 10\nmodel: b\n") == (
        "copa.yaml:3:1: model: the key stands twice, first on line 1; keep one\n    model: b\n    ^"
    )


def test_a_key_that_stands_twice_deeper_down_is_found() -> None:
    assert message("grid:\n  - {lr: 1e-6, seed: 0, lr: 1e-5}\n") == (
        "copa.yaml:2:25: grid.0.lr: the key stands twice, first on line 2; keep one\n"
        "      - {lr: 1e-6, seed: 0, lr: 1e-5}\n"
        "                            ^"
    )


def test_two_merge_keys_are_no_doubled_key() -> None:
    text = "a: &a {x: 1}\nb: &b {y: 2}\nc:\n  <<: *a\n  <<: *b\n"
    assert parse_yaml(text).data["c"] == {"x": 1, "y": 2}


@pytest.mark.parametrize(
    ("text", "place", "words", "caret_under"),
    [
        ("a: 1\nb: [1, 2\nc: 3\n", "copa.yaml:3:2", "expected ',' or ']'", ":"),
        ("a: 'open\n", "copa.yaml:2:1", "unexpected end of stream", ""),
        ("a: 1\n\tb: 2\n", "copa.yaml:2:1", "found character '\\t'", "\t"),
        ("a: b: c\n", "copa.yaml:1:5", "mapping values are not allowed here", ":"),
        ("a: *nowhere\n", "copa.yaml:1:4", "found undefined alias 'nowhere'", "*"),
        (
            "a: !!python/name:os.system x\n",
            "copa.yaml:1:4",
            "could not determine a constructor",
            "!",
        ),
        ("a: !!int many\n", "copa.yaml:1:4", "the value cannot be read as int", "!"),
        ("? [a]\n: 1\n", "copa.yaml:1:3", "unhashable key", "["),
        ("a: 1\r\nb: }\r\n", "copa.yaml:2:4", "expected the node content, but found '}'", "}"),
    ],
)
def test_what_is_not_yaml_is_shown_at_its_place(
    text: str, place: str, words: str, caret_under: str
) -> None:
    shown = message(text)
    first, *shown_line = shown.split("\n")
    assert first.startswith(f"{place}: ")
    assert words in first
    if caret_under:
        line, caret = shown_line
        assert line[caret.index("^")] == caret_under


def test_an_error_of_a_value_that_is_not_there_shows_the_nearest_key_above() -> None:
    document = parse_yaml("data:\n  path: Copa\nsteps: 3\n", "copa.yaml")
    error = document.error("required, and not given", ("data", "mix", "ratio"))
    assert str(error) == (
        "copa.yaml:1:1: data.mix.ratio: required, and not given\n    data:\n    ^"
    )
    place = (error.file, error.line, error.column, error.field)
    assert place == ("copa.yaml", 1, 1, "data.mix.ratio")


def test_an_error_in_a_list_counts_from_zero() -> None:
    document = parse_yaml("models:\n  - a\n  - b\n", "copa.yaml")
    assert str(document.error("no", ("models", 1))) == (
        "copa.yaml:3:5: models.1: no\n      - b\n        ^"
    )


def test_the_caret_stands_right_behind_tabs() -> None:
    shown = str(ConfigError("no", file="f", line=1, column=4, source="a\tbc"))
    assert shown == "f:1:4: no\n    a\tbc\n     \t ^"
