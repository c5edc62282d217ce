"""The p-value against the same number computed in other ways."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.report.compare import p_value


def exact_tail(right: int, rows: int, chance: Fraction) -> Fraction:
    """Return P(at least `right` of `rows` guesses are right), in fractions."""
    return sum(
        (
            math.comb(rows, k) * chance**k * (1 - chance) ** (rows - k)
            for k in range(right, rows + 1)
        ),
        start=Fraction(0),
    )


@given(st.data())
def test_the_p_value_is_the_exact_binomial_tail(data: st.DataObject) -> None:
    rows = data.draw(st.integers(1, 120))
    right = data.draw(st.integers(0, rows))
    chance = Fraction(data.draw(st.integers(1, 99)), 100)
    expected = float(exact_tail(right, rows, chance))
    assert p_value(right / rows, rows, float(chance)) == pytest.approx(expected, rel=1e-9)


def test_the_p_value_is_the_share_of_possible_guesses_at_least_as_good() -> None:
    guesses = list(product((0, 1), repeat=10))
    as_good = sum(sum(guess) >= 8 for guess in guesses)
    assert p_value(0.8, 10, 0.5) == pytest.approx(as_good / len(guesses))


def test_the_p_value_of_thousands_of_rows() -> None:
    assert p_value(0.5, 3270, 0.5) == pytest.approx(0.5, abs=0.01)
    assert p_value(0.6, 3270, 0.5) == pytest.approx(
        float(exact_tail(1962, 3270, Fraction(1, 2))), rel=1e-6
    )


def test_the_p_value_of_a_perfect_score() -> None:
    assert p_value(1.0, 20, 0.25) == pytest.approx(0.25**20)


def test_the_p_value_of_a_score_of_zero() -> None:
    assert p_value(0.0, 20, 0.25) == 1.0


def test_with_certain_guesses_no_score_is_above_chance() -> None:
    assert p_value(1.0, 20, 1.0) == 1.0


def test_with_impossible_guesses_any_score_is_above_chance() -> None:
    assert p_value(0.1, 20, 0.0) == 0.0


def test_a_mean_over_seeds_is_rounded_down_to_whole_rows() -> None:
    assert p_value(0.849, 100, 0.5) == p_value(0.84, 100, 0.5)
    # 0.29 * 100 is 28.999999999999996 in floating point.
    assert p_value(0.29, 100, 0.25) == pytest.approx(float(exact_tail(29, 100, Fraction(1, 4))))
