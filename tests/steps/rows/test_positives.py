"""The step `positives`: pairs with label 1, unless the same pair stands with 0 somewhere."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.step_batches import arranged, rows, stats
from penstock.batches import RowBatch
from penstock.errors import DataError
from penstock.steps import STEPS, Step

SIDE = st.sampled_from(["a", "b", "c", "A", " b "])
PAIRS = st.lists(st.lists(st.tuples(SIDE, SIDE, st.sampled_from([0, 1])), max_size=5), min_size=1)


def positives(**options: Any) -> Step:
    return STEPS.get("positives").model_validate({"max_contradicted": 1, **options})


def batch(*pairs: tuple[str, str, int]) -> RowBatch:
    return rows(*({"source": a, "target": b, "label": label} for a, b, label in pairs))


def pair_of(source: str, target: str) -> frozenset[str]:
    return frozenset((source.strip().lower(), target.strip().lower()))


@given(PAIRS.filter(any))
def test_positives_stay_unless_the_pair_stands_with_both_labels_in_any_batch(
    batches: list[list[tuple[str, str, int]]],
) -> None:
    flat = [pair for each in batches for pair in each]
    negative = {pair_of(a, b) for a, b, label in flat if not label}
    positive = {pair_of(a, b) for a, b, label in flat if label}
    expected = [
        number
        for number, (a, b, label) in enumerate(flat)
        if label and pair_of(a, b) not in negative
    ]
    order, counts = arranged([batch(*each) for each in batches], positives())
    assert order.starts.tolist() == expected
    assert counts["positives.contradicted_pairs"] == len(negative & positive)
    dropped = counts["positives.negatives"] + counts["positives.contradicted"]
    assert dropped + len(expected) == len(flat)


def test_sides_do_not_run_into_each_other() -> None:
    order, _ = arranged([batch(("a b", "c", 1), ("a", "b c", 0))], positives())
    assert order.starts.tolist() == [0]


def test_many_contradictions_end_the_build() -> None:
    pairs = [("a", "b", 1), ("b", "a", 0), *[(f"{n}", "x", 1) for n in range(8)]]
    arranged([batch(*pairs)], positives(max_contradicted=0.2))
    with pytest.raises(DataError) as caught:
        arranged([batch(*pairs)], positives(max_contradicted=0.1))
    assert str(caught.value) == (
        "positives: 2 of 10 pairs (20.0%) stand with both labels, more than max_contradicted "
        "(10.0%); look at the input, or raise `max_contradicted`"
    )


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"source": "a", "target": "b"}, "the field 'label' is absent; name it as `label` of"),
        ({"source": "a", "target": "b", "label": "1"}, "the field 'label' is neither 0 nor 1"),
        ({"source": "a", "label": 1}, "the field 'target' is absent"),
    ],
)
def test_a_row_that_is_no_pair_with_a_label_is_bad(row: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        positives().apply(rows(row), stats())


def test_it_looks_across_splits() -> None:
    assert STEPS.get("positives").across_splits
