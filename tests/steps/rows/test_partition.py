"""The step `partition`: no key on two sides, the same side in every dataset."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from helpers.step_batches import rows, stats
from penstock.batches import RowBatch
from penstock.errors import ConfigError, DataError, StepError
from penstock.splits import SPLIT_NAMES
from penstock.step_report import StepReport
from penstock.steps import STEPS, Step, StepPosition

KEYS = st.one_of(st.text(max_size=3), st.integers(-3, 3), st.floats(-1, 1), st.booleans())


def partition(**options: Any) -> Step:
    """Return a step that divides by `patient`."""
    return STEPS.get("partition").model_validate({"key": "patient", **options})


def codes(step: Step, keys: list[Any]) -> list[int]:
    """Return the split of a row of each key."""
    made = step.apply(rows(*({"patient": key} for key in keys)), stats())
    assert made.columns["split"].dtype == "uint8"
    return made.columns["split"].tolist()


@given(st.lists(KEYS), st.floats(0.01, 0.45), st.floats(0, 0.45), st.randoms())
def test_no_key_stands_on_two_sides(
    keys: list[Any], validation: float, test: float, random: Any
) -> None:
    step = partition(validation=validation, test=test)
    again = keys * 2
    random.shuffle(again)
    split_of: dict[tuple[type, Any], int] = {}
    for key, code in zip([*keys, *again], codes(step, keys) + codes(step, again), strict=True):
        assert split_of.setdefault((type(key), key), code) == code


def test_the_shares_of_keys_are_near_those_asked_for() -> None:
    counts = Counter(codes(partition(validation=0.05, test=0.2), [f"P{n}" for n in range(20_000)]))
    assert abs(counts[1] / 20_000 - 0.05) < 0.005
    assert abs(counts[2] / 20_000 - 0.2) < 0.01


def test_a_key_stays_in_its_split_for_ever() -> None:
    keys = ["P9245038", "P1", 1, "1", 2.5, True, "é", {"b": 1, "a": 2}]
    assert codes(partition(validation=0.3, test=0.3), keys) == [0, 1, 0, 0, 2, 0, 1, 0]
    assert codes(partition(validation=0.3, test=0.3), [{"a": 2, "b": 1}]) == [0]


@given(st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_and_the_text_that_writes_it_are_one_key(whole: int, broken: float) -> None:
    step = partition(validation=0.3, test=0.3)
    assert len(set(codes(step, [whole, float(whole), str(whole), f"{whole}.0"]))) == 1
    assert len(set(codes(step, [broken, repr(broken).replace("e+", "e")]))) == 1


def test_digits_that_write_no_number_of_64_bits_are_keys_of_their_own() -> None:
    step = partition(validation=0.3, test=0.3)
    assert len(set(codes(step, [f"0{n}" for n in range(1, 9)]))) > 1
    assert codes(step, [f"0{n}" for n in range(1, 9)]) != codes(step, list(range(1, 9)))
    assert len(set(codes(step, [f"{10**30 + n}" for n in range(30)]))) == 3
    assert len(codes(step, ["1e999", f"{2**63}", f"-{2**63}", "9" * 20])) == 4


def test_a_key_in_a_list_or_an_object_is_the_same_with_whole_floats() -> None:
    keys = [[n, {"a": n}] for n in range(30)]
    floats = [[float(n), {"a": float(n)}] for n in range(30)]
    step = partition(validation=0.3, test=0.3)
    assert codes(step, keys) == codes(step, floats)


def test_another_salt_draws_other_keys() -> None:
    keys = [f"P{n}" for n in range(200)]
    assert codes(partition(test=0.5), keys) != codes(partition(test=0.5, salt="b"), keys)


def test_a_larger_share_only_adds_keys_to_a_split() -> None:
    keys = [f"P{n}" for n in range(1000)]
    small, large = (codes(partition(validation=share), keys) for share in (0.1, 0.2))
    assert all(b == 1 for a, b in zip(small, large, strict=True) if a == 1)


def test_rows_are_counted_by_split() -> None:
    counted = stats()
    step = partition(validation=0.5)
    step.apply(rows(*({"patient": n} for n in range(100))), counted)
    assert set(counted.current.noted) == {"train", "validation"}
    assert sum(counted.current.noted.values()) == 100
    assert SPLIT_NAMES == ("train", "validation", "test")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({}, "is absent"),
        ({"patient": None}, "is null"),
        ({"patient": float("nan")}, "is null"),
        ({"patient": float("-inf")}, "is infinite"),
        ({"patient": {1}}, "is a value of"),
    ],
)
def test_a_row_without_the_key_is_bad(row: dict[str, Any], reason: str) -> None:
    with pytest.raises(DataError, match=f"input.jsonl:2: the field 'patient' {reason}"):
        partition(test=0.5).apply(rows({"patient": 1}, row), stats())
    made = partition(test=0.5).apply(rows({"patient": 1}, row), stats(skip=True))
    assert isinstance(made, RowBatch)
    assert len(made) == len(made.columns["split"]) == 1


def test_a_split_that_stays_empty_is_an_error() -> None:
    step = partition(validation=0.1)
    step.check_report(StepReport("partition", 10, noted={"train": 9, "validation": 1}))
    with pytest.raises(StepError, match="no row is in validation") as caught:
        step.check_report(StepReport("partition", 10, noted={"train": 10}))
    assert caught.value.setting == "validation"


def test_rows_are_not_partitioned_twice() -> None:
    other = STEPS.get("metadata").model_validate({"template": "x"})
    partition(test=0.5).verify(StepPosition([other], [], ["source"]))
    with pytest.raises(ConfigError, match="an earlier step divides the rows"):
        partition(test=0.5).verify(StepPosition([partition(test=0.1)], [], ["source"]))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"validation": 0.5, "test": 0.5},
        {"validation": 1},
        {"test": -0.1},
        {"test": 0.1, "salt": "é" * 33},
    ],
)
def test_shares_without_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        partition(**options)
