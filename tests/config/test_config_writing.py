"""Written YAML reads back the same, and short forms of numbers keep their value."""

from __future__ import annotations

import math
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from penstock.config import dump_yaml, parse_yaml, short_number, short_value
from penstock.redaction import redact

#: Texts that YAML 1.1 or 1.2 reads as something else when they are not quoted.
TRAPS = (
    *("1e-6", "1.0e-6", "0o17", "0x1f", "012", "1_0", "1:30", ".inf", "2024-01-31", "no", "null"),
    *("~", "", "<<", "=", "- a", "a: b", "a #b", " a", "'", '"', "[", "&a", "*a", "!a", "%", "@"),
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.sampled_from(TRAPS)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(TEXTS, VALUES, max_size=4))
@example({"rate": 1e-06, "large": 1e22, "text": "1e-06", "tag": "0o17", "minus": -0.0})
def test_a_dump_is_read_back_by_readers_of_both_versions(data: dict[str, Any]) -> None:
    text = dump_yaml(data)
    assert yaml.safe_load(text) == data
    if redact(data, ()) == data:
        assert parse_yaml(text).data == data


def test_a_dump_keeps_the_key_order_and_has_no_aliases() -> None:
    rates = [1e-6, 0.5]
    assert dump_yaml({"b": rates, "a": rates, "note": "naïve"}) == (
        "b:\n- 1.0e-06\n- 0.5\na:\n- 1.0e-06\n- 0.5\nnote: naïve\n"
    )


def test_nan_and_infinity_are_written_as_numbers() -> None:
    text = dump_yaml({"a": math.inf, "b": -math.inf, "c": math.nan})
    for read in (parse_yaml(text).data, yaml.safe_load(text)):
        assert read["a"] == math.inf
        assert read["b"] == -math.inf
        assert math.isnan(read["c"])


@given(st.floats(allow_nan=False) | st.integers())
@example(1e-6)
@example(0.1234567890123456)
@example(123456.789)
def test_the_short_form_of_a_number_reads_back(number: float | int) -> None:
    assert type(number)(short_number(number)) == number


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1e-6, "1e-6"),
        (5e-05, "5e-5"),
        (0.00123, "1.23e-3"),
        (0.001, "1e-3"),
        (0.01, "0.01"),
        (0.05, "0.05"),
        (1.5, "1.5"),
        (16, "16"),
        (16.0, "16"),
        (0.0, "0"),
        (20000, "20000"),
        (1e6, "1e6"),
        (2.5e20, "2.5e20"),
        (-3e-7, "-3e-7"),
        (math.inf, "inf"),
    ],
)
def test_short_forms_of_numbers(number: float | int, text: str) -> None:
    assert short_number(number) == text


def test_a_long_text_is_shown_by_its_beginning_and_a_checksum() -> None:
    text = "{% for message in messages %}\n" * 9
    shown = short_value(text)
    assert shown.startswith("{% for message in messag… (")
    assert len(shown) < 40
    assert short_value(text + " ") != shown
    assert short_value("org/a-model") == "org/a-model"


def test_a_hash_is_shown_by_its_first_digits() -> None:
    assert short_value("sha256:" + "0123456789abcdef" * 4) == "sha256:0123456789ab"
    assert short_value("sha256:" + "0" * 63) == "sha256:" + "0" * 63
