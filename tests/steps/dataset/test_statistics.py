"""The step `statistics`: its measures equal those computed from the rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.step_batches import context, order_of, rows, stats
from penstock.errors import ConfigError, DataError
from penstock.histograms import histogram_bins
from penstock.steps import STEPS, Order, Step, StepPosition


def statistics(**options: Any) -> Step:
    return STEPS.get("statistics").model_validate(options)


def measured(
    batch: Sequence[dict[str, Any]], source: Sequence[int] | None = None, **options: Any
) -> tuple[list[dict[str, Any]], Order]:
    """Return the groups of rows of one split, and the order after the step."""
    step = statistics(**options)
    given = context(source_names=("paws", "qqp"))
    given.values = step.measure(rows(*batch), stats())[1]
    codes = np.array(source if source is not None else [0] * len(batch), np.uint8)
    order = replace(order_of([[1]] * len(batch)), columns={"source": codes})
    order = step.reorder(order, given)
    return given.statistics["groups"], order


def pair(source: str, target: str) -> dict[str, str]:
    return {"source": source, "target": target}


def test_both_sides_and_the_distance_between_them_are_measured() -> None:
    pairs = [pair("One two", "one  three"), pair("a b c", "a b c d"), pair("é", "É")]
    [group], _ = measured(pairs)
    assert (group["split"], group["source"], group["rows"]) == ("train", "paws", 3)
    found = group["measures"]
    assert found["source.characters"]["max"] == 7
    assert found["target.words"] == {
        "mean": 2.33,
        "median": 2,
        "p95": 4,
        "max": 4,
        "histogram": {"1": 1, "2": 1, "4": 1},
    }
    assert found["edit"] == {
        "mean": 0.25,
        "median": 0.25,
        "p95": 0.5,
        "max": 0.5,
        "histogram": {"0.00": 1, "0.25": 1, "0.50": 1},
    }


def test_one_field_has_no_distance_and_three_have_none() -> None:
    [group], _ = measured([{"text": "a b"}], fields=["text"])
    assert list(group["measures"]) == ["text.characters", "text.words"]
    [group], _ = measured([{"a": "x", "b": "x", "c": "x"}], fields=["a", "b", "c"])
    assert "edit" not in group["measures"]


def test_each_source_has_a_group_and_several_have_one_together() -> None:
    pairs = [pair("a", "b"), pair("a b", "b"), pair("a b c", "b")]
    groups, _ = measured(pairs, source=[1, 0, 1])
    found = [(g["source"], g["rows"], g["measures"]["source.words"]["max"]) for g in groups]
    assert found == [(None, 3, 3), ("paws", 1, 2), ("qqp", 2, 3)]


def test_the_order_does_not_change() -> None:
    _, order = measured([pair("a", "b")])
    assert list(order.columns) == ["source"]


def test_lengths_above_16_bits_are_counted() -> None:
    batch = [{"text": "x" * 70_000}, {"text": "x " * 1_100_000}]
    [group], _ = measured(batch, fields=["text"])
    assert group["measures"]["text.characters"]["max"] == 2_200_000
    assert group["measures"]["text.characters"]["median"] == 70_000
    assert group["measures"]["text.words"]["max"] == 1_100_000


LENGTHS = st.lists(st.integers(0, 300), min_size=1, max_size=40)


@given(LENGTHS)
def test_the_numbers_are_those_of_the_lengths(lengths: list[int]) -> None:
    [group], _ = measured([{"text": "x" * length} for length in lengths], fields=["text"])
    found = group["measures"]["text.characters"]
    assert found["mean"] == pytest.approx(np.mean(lengths), abs=0.006)
    for key, share in (("median", 0.5), ("p95", 0.95)):
        assert found[key] == np.quantile(lengths, share, method="inverted_cdf")
    bins = histogram_bins(found["histogram"])
    for low, high, count in bins:
        assert count == sum(low <= length < high for length in lengths)
    assert sum(count for *_, count in bins) == len(lengths)


@given(st.integers(16, 10**9))
def test_each_doubling_has_eight_bins(length: int) -> None:
    [(low, high, _)] = histogram_bins(
        {str(length >> length.bit_length() - 4 << length.bit_length() - 4): 1}
    )
    assert low <= length < high
    assert high - low == 2 ** (length.bit_length() - 4)


@given(st.lists(st.sampled_from("abc"), max_size=6), st.lists(st.sampled_from("abc"), max_size=6))
def test_the_distance_is_that_of_filter_pairs(one: list[str], other: list[str]) -> None:
    row = pair(" ".join(one), " ".join(other))
    [group], _ = measured([row])
    share = group["measures"]["edit"]["max"]
    for least in (share, share + 0.001):
        if 0 < least <= 1:
            settings = {"identical": "keep", "min_edit": max(least - 0.0005, 0.0001)}
            step = STEPS.get("filter_pairs").model_validate(settings)
            assert bool(len(step.apply(rows(row), stats()))) == (least == share)


def test_a_row_without_the_field_is_a_bad_row() -> None:
    with pytest.raises(DataError, match=r":1: the field 'target' is absent; `statistics` needs it"):
        statistics().measure(rows({"source": "a"}), stats())


def test_a_second_step_is_refused() -> None:
    with pytest.raises(ConfigError, match="an earlier step measures the rows already"):
        statistics().verify(StepPosition([statistics()], [], ["paws"]))
