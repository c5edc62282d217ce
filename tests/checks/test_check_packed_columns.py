"""One packed row: the code for each wrong relation between its columns."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.token_datasets import Ids
from penstock.checks._packed.columns import documents_of, problems

Row = dict[str, Ids]
CONTEXT = 12


def packed(lengths: list[int], *, shifted: bool = True, context: int = CONTEXT) -> Row:
    """Return a row of documents of these lengths, with ids that all differ."""
    row = {
        name: np.zeros(context, np.int32)
        for name in (
            "inputs",
            "targets",
            "inputs_position",
            "targets_position",
            "inputs_segmentation",
            "targets_segmentation",
        )
    }
    at = 0
    for number, length in enumerate(lengths, 1):
        place = slice(at, at + length)
        ids = np.arange(100 + at, 100 + at + length)
        row["inputs"][place] = ids
        row["inputs_position"][place] = row["targets_position"][place] = np.arange(length)
        row["inputs_segmentation"][place] = row["targets_segmentation"][place] = number
        row["targets"][place] = np.append(ids[1:], 0) if shifted else ids
        if shifted:
            row["targets_segmentation"][at + length - 1] = 0
        at += length
    return row


def codes(row: Row) -> list[str]:
    return [code.name for code, _, _ in problems(row)]


def with_value(name: str, position: int, value: int) -> Callable[[Row], Row]:
    def change(row: Row) -> Row:
        row[name] = row[name].astype(np.int64)
        row[name][position] = value
        return row

    return change


documents = st.lists(st.integers(2, 9), min_size=1, max_size=5)


@given(lengths=documents, spare=st.integers(0, 4), shifted=st.booleans())
def test_a_correct_row_has_no_problem(lengths: list[int], spare: int, shifted: bool) -> None:
    row = packed(lengths, shifted=shifted, context=sum(lengths) + spare)
    assert codes(row) == []
    assert [len(part) for part in documents_of(row).split(row["inputs"])] == lengths


@given(lengths=documents, shifted=st.booleans(), data=st.data())
def test_no_changed_number_in_a_row_raises_an_error(
    lengths: list[int], shifted: bool, data: st.DataObject
) -> None:
    row = packed(lengths, shifted=shifted, context=50)
    name = data.draw(st.sampled_from(sorted(row)))
    position = data.draw(st.integers(0, 49))
    value = data.draw(st.sampled_from([-(2**40), -100, -1, 0, 1, 2, 3, 7, 2**31, 2**40]))
    assert all(isinstance(code, str) for code in codes(with_value(name, position, value)(row)))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (with_value("inputs_segmentation", 1, 0), "padding-inside"),
        (with_value("inputs_segmentation", 0, 2), "segments-broken"),
        (with_value("inputs_segmentation", 4, 5), "segments-broken"),
        (with_value("inputs_position", 4, 4), "positions-broken"),
        (with_value("targets_position", 1, 0), "positions-broken"),
        (with_value("targets", 1, 7), "targets-inconsistent"),
        (with_value("targets_segmentation", 3, 1), "targets-leak"),
        (with_value("targets_segmentation", 3, 2), "targets-leak"),
        (with_value("targets_segmentation", 8, 2), "targets-leak"),
        (with_value("targets_segmentation", 1, 2), "segments-broken"),
        (with_value("targets_segmentation", 11, 2), "padding-counted"),
        (with_value("targets", 3, -100), "value-range"),
        (with_value("inputs", 3, 2**31), "value-range"),
    ],
)
def test_each_problem_has_its_code(change: Callable[[Row], Row], expected: str) -> None:
    assert expected in codes(change(packed([4, 5])))


def test_a_last_token_that_predicts_the_next_document_is_found() -> None:
    # As Grain packs and then shifts: the targets run on, and so does the mask.
    row = packed([4, 5])
    row["targets"][:8] = row["inputs"][1:9]
    row["targets_segmentation"][:8] = row["inputs_segmentation"][1:9]
    found = list(problems(row))
    assert [(code.name, count) for code, _, count in found] == [("targets-leak", 1)]
    assert "at position 3" in found[0][1]


def test_without_a_mask_every_document_leaks_but_the_last_of_a_full_row() -> None:
    row = packed([4, 5, 3])
    del row["targets_segmentation"]
    assert [(code.name, count) for code, _, count in problems(row)] == [("targets-leak", 2)]


def test_a_document_that_continues_in_another_row_may_predict_its_next_token() -> None:
    row = packed([4, 8])
    row["targets"][11] = 999
    row["targets_segmentation"][11] = 2
    assert codes(row) == []


def test_masked_targets_may_be_anything() -> None:
    row = packed([12])
    row["targets"][:5] = 1
    row["targets_segmentation"][:5] = 0
    assert codes(row) == []


def test_a_row_that_trains_nothing_is_a_warning() -> None:
    row = packed([4, 5])
    row["targets_segmentation"][:] = 0
    assert codes(row) == ["loss-masked"]


def test_columns_of_different_lengths_are_named_with_their_lengths() -> None:
    row = packed([4, 5])
    row["targets"] = row["targets"][:-1]
    ((code, message, _),) = problems(row)
    assert code.name == "row-shape"
    assert "inputs 12, targets 11" in message


def test_a_row_without_inputs_or_segments_does_not_raise() -> None:
    assert codes({"targets": np.zeros(3, np.int32)}) == ["row-shape"]
    assert codes({}) == ["row-shape"]
    assert codes({"inputs": np.arange(3)}) == []
    assert codes(packed([])) == []
    assert codes(packed([], context=0)) == []
