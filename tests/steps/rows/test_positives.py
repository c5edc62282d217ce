"""The steps `positives` and `contradicted`: pairs with label 1 that never have label 0."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from helpers.step_batches import rows, run_steps, stats
from penstock.batches import RowBatch
from penstock.errors import ConfigError, DataError, StepError
from penstock.steps import STEPS, Step, StepPosition

SIDE = st.sampled_from(["a", "b", "c", "A", " b "])
PAIRS = st.lists(st.lists(st.tuples(SIDE, SIDE, st.sampled_from([0, 1])), max_size=5), min_size=1)


def positives(**options: Any) -> list[Step]:
    """Return the two steps: keep label 1, then drop what also has label 0."""
    contradicted = STEPS.get("contradicted").model_validate({"max_dropped": 1, **options})
    return [STEPS.get("positives").model_validate({}), contradicted]


def batch(*pairs: tuple[str, str, int]) -> RowBatch:
    return rows(*({"source": a, "target": b, "label": label} for a, b, label in pairs))


def pair_of(source: str, target: str) -> frozenset[str]:
    return frozenset((source.strip().lower(), target.strip().lower()))


@given(PAIRS.filter(any))
def test_positives_are_kept_unless_the_pair_has_both_labels_in_any_batch(
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
    order, reports, _ = run_steps([batch(*each) for each in batches], *positives())
    assert order.starts.tolist() == expected
    both = reports["contradicted"].noted.get("distinct_pairs", 0)
    assert both == len(negative & positive)
    dropped = sum(reports[name].total_dropped for name in ("positives", "contradicted"))
    assert dropped + len(expected) == len(flat)


def test_sides_are_not_joined() -> None:
    order, *_ = run_steps([batch(("a b", "c", 1), ("a", "b c", 0))], *positives())
    assert order.starts.tolist() == [0]


def test_many_contradictions_fail() -> None:
    pairs = [("a", "b", 1), ("b", "a", 0), *[(f"{n}", "x", 1) for n in range(8)]]
    run_steps([batch(*pairs)], *positives(max_dropped=0.2))
    with pytest.raises(StepError) as caught:
        run_steps([batch(*pairs)], *positives(max_dropped=0.1))
    assert str(caught.value) == (
        "2 of 10 pairs have both labels (20.0%), more than {setting} allows (10.0%); check the "
        "input, or raise {setting}"
    )


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"source": "a", "target": "b"}, "the field 'label' is absent; set it as `label` of"),
        ({"source": "a", "target": "b", "label": "1"}, "the field 'label' is neither 0 nor 1"),
        ({"source": "a", "label": 1}, "the field 'target' is absent"),
    ],
)
def test_a_row_without_label_or_side_is_bad(row: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        run_steps([rows(row)], *positives())


def test_contradictions_are_found_across_splits() -> None:
    assert STEPS.get("contradicted").capabilities.across_splits


def test_without_the_step_contradicted_such_pairs_stay_and_no_hash_is_kept() -> None:
    keep, _ = positives()
    counted = stats()
    assert len(keep.apply(batch(("a", "b", 1), ("a", "b", 0)), counted)) == 1
    assert counted.kept_aside == {}


def test_contradicted_needs_positives_before_it() -> None:
    keep, contradicted = positives()
    with pytest.raises(ConfigError, match="needs the step `positives` before it"):
        contradicted.verify(StepPosition([], [keep], ["source"]))
    contradicted.verify(StepPosition([keep], [], ["source"]))


def test_a_second_contradicted_is_refused_because_the_hashes_are_those_of_the_first() -> None:
    keep, contradicted = positives()
    with pytest.raises(ConfigError, match="keep one `contradicted`"):
        contradicted.verify(StepPosition([keep, contradicted], [], ["source"]))


def test_settings_that_moved_say_where() -> None:
    with pytest.raises(ValidationError, match="has moved: add the step `contradicted`"):
        STEPS.get("positives").model_validate({"max_contradicted": 0.1})
