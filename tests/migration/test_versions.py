"""Version numbers, their natural order, and the latest version."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.files import natural_key
from penstock.migration.versions import latest_versions, version_number

numbers = st.lists(st.integers(0, 10**6), min_size=1, max_size=4).map(tuple)
separators = st.sampled_from("-_.")
stems = st.sampled_from(["version_", "version-", "Version", "v", "ver_", ""])


def name_of(number: tuple[int, ...], stem: str = "version_", separator: str = "-") -> str:
    return stem + separator.join(str(part) for part in number)


@given(numbers, stems, separators)
def test_a_numbered_name_parses_to_its_numbers(
    number: tuple[int, ...], stem: str, separator: str
) -> None:
    assert version_number(name_of(number, stem, separator)) == number


@given(st.lists(numbers, min_size=1, unique=True))
def test_the_latest_has_the_highest_numbers_from_left_to_right(
    given_numbers: list[tuple[int, ...]],
) -> None:
    assert latest_versions(map(name_of, given_numbers)) == [name_of(max(given_numbers))]


@given(st.lists(numbers, min_size=1, unique=True))
def test_natural_order_agrees_with_version_numbers_versions(
    given_numbers: list[tuple[int, ...]],
) -> None:
    names = sorted(map(name_of, given_numbers), key=natural_key)
    assert [version_number(name) for name in names] == sorted(given_numbers)


@given(numbers, st.text("abcdefghijklmnop", min_size=1), st.sampled_from(["-", "_", " ", ""]))
def test_a_name_with_a_word_is_never_latest_versions(
    number: tuple[int, ...], word: str, separator: str
) -> None:
    name = f"{name_of(number)}{separator}{word}"
    assert version_number(name) is None
    assert latest_versions([name]) == []


@given(st.text())
def test_any_text_has_a_sort_key_and_maybe_a_number(text: str) -> None:
    natural_key(text)
    version_number(text)


def test_13_2_is_later_than_13_1_than_13_than_9_2() -> None:
    names = ["version_13-2", "version_9-2", "version_13", "version_13-1", "version_99-discard"]
    assert latest_versions(names) == ["version_13-2"]
    assert latest_versions(names[1:]) == ["version_13-1"]
    assert latest_versions(names[1:3]) == ["version_13"]


@pytest.mark.parametrize("names", [["v3", "version_3"], ["version_03", "version_3"]])
def test_two_names_with_the_same_number_are_both_returned(names: list[str]) -> None:
    assert latest_versions(names) == sorted(names)
