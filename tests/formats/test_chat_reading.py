"""Rows of a JSON array: the same in every layout, and streamed."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import DataError
from penstock.formats.chat import scan_chat_rows
from penstock.formats.chat.reading import read_chat_rows

Rows = list[dict[str, Any]]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=5,
)
ROWS = st.lists(st.dictionaries(st.sampled_from("abc"), VALUES))


def one_a_line(rows: Rows) -> str:
    return "[\n" + ",\n".join(map(json.dumps, rows)) + "\n]\n"


def pretty(rows: Rows) -> str:
    return json.dumps(rows, indent=2, ensure_ascii=False)


def pretty_from_the_third_row(rows: Rows) -> str:
    """Write the first two rows on one line each, the others on several lines."""
    texts = [json.dumps(row, indent=None if n < 2 else 1) for n, row in enumerate(rows)]
    return "[\n" + ",\n".join(texts) + "\n]"


LAYOUTS = pytest.mark.parametrize(
    "layout", [one_a_line, json.dumps, pretty, pretty_from_the_third_row]
)


@LAYOUTS
@given(rows=ROWS)
def test_rows_are_the_same_in_every_layout(
    tmp_path_factory: pytest.TempPathFactory, layout: Callable[[Rows], str], rows: Rows
) -> None:
    file = tmp_path_factory.mktemp("rows") / "rows.json"
    file.write_text(layout(rows), encoding="utf-8")
    assert list(read_chat_rows(file)) == list(enumerate(rows, 1))
    file.write_text(layout(rows), encoding="utf-8-sig")
    assert list(read_chat_rows(file)) == list(enumerate(rows, 1))


@LAYOUTS
def test_arrays_are_streamed(tmp_path: Path, layout: Callable[[Rows], str]) -> None:
    file = tmp_path / "rows.json"
    file.write_text(layout([{"n": n, "text": "word " * 100} for n in range(10_000)]))
    tracemalloc.start()
    try:
        count = sum(1 for _ in scan_chat_rows(file))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 10_000
    assert peak < file.stat().st_size / 2


@LAYOUTS
def test_rows_before_an_invalid_one_are_read_and_it_is_named(
    tmp_path: Path, layout: Callable[[Rows], str]
) -> None:
    file = tmp_path / "rows.json"
    file.write_text(layout([{"n": n} for n in range(9)]).replace('"n": 6', '"n": 6,,'))
    rows = read_chat_rows(file)
    assert [next(rows)[0] for _ in range(6)] == [1, 2, 3, 4, 5, 6]
    with pytest.raises(DataError, match=r"rows\.json:7: not JSON"):
        next(rows)
