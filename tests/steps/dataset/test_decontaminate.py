"""The step `decontaminate`: what test sets hold does not stand in train."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from helpers.step_batches import rows, run_steps
from penstock.errors import ConfigError, DataError, StepError
from penstock.steps import STEPS, Step, StepPosition


@pytest.fixture
def test_sets(tmp_path: Path) -> dict[str, Any]:
    """Two small sets, the sides of whose pairs have names of their own."""
    (tmp_path / "one.tsv").write_text("a\tb\nIt is , here .\tIt 's there\n")
    (tmp_path / "two.jsonl").write_text('{"q": "IT IS HERE"}\n{"q": "Nowhere"}\n')
    sides = {"source": "a", "target": "b"}
    question = {"source": "q", "target": "q"}
    return {
        "one": {
            "kind": "tsv",
            "path": str(tmp_path / "one.tsv"),
            "text": None,
            "metadata": sides,
        },
        "two": {
            "kind": "jsonl",
            "path": str(tmp_path / "two.jsonl"),
            "text": None,
            "metadata": question,
        },
    }


def decontaminate(**options: Any) -> Step:
    step = STEPS.get("decontaminate").model_validate({"max_dropped": 1, **options})
    step.prepare()
    return step


PAIRS = [("It is here!", "x"), ("y", "nowhere"), ("a", "b"), ("c", "it’s there")]


def test_rows_with_a_sentence_of_a_set_are_dropped_and_counted_by_the_set(
    test_sets: dict[str, Any],
) -> None:
    batch = rows(*({"source": a, "target": b} for a, b in PAIRS))
    order, reports, _ = run_steps([batch], decontaminate(against=test_sets))
    assert order.starts.tolist() == [2]
    report = reports["decontaminate"]
    assert (report.kept, report.dropped) == (1, {"one": 2, "two": 1})
    exact = decontaminate(against=test_sets, normalise="none")
    assert run_steps([batch], exact)[0].starts.tolist() == [0, 1, 2, 3]


def test_only_train_is_touched_where_the_rows_are_divided(test_sets: dict[str, Any]) -> None:
    batch = rows(*({"source": a, "target": b} for a, b in PAIRS))
    divide = STEPS.get("components").model_validate({"given": {"test": "test"}})
    order, reports, _ = run_steps(
        [batch],
        divide,
        decontaminate(against=test_sets),
        sources=("test", "other"),
        source=[0, 1, 1, 0],
    )
    assert order.starts.tolist() == [0, 2, 3]
    assert reports["decontaminate"].noted == {"compared": 2}
    both = decontaminate(against=test_sets, splits=["train", "test"])
    assert run_steps([batch], divide, both, sources=("test", "other"), source=[0, 1, 1, 0])[
        0
    ].starts.tolist() == [2]


def test_splits_that_nothing_makes_are_refused(test_sets: dict[str, Any]) -> None:
    step = decontaminate(against=test_sets, splits=["test"])
    with pytest.raises(ConfigError, match="no earlier step gives rows to test; put it"):
        step.verify(StepPosition([], [], ("source",)))
    divide = STEPS.get("partition").model_validate({"key": "id", "test": 0.5})
    step.verify(StepPosition([divide], [], ("source",)))
    decontaminate(against=test_sets, splits=["train", "test"]).verify(
        StepPosition([], [], ("source",))
    )


def test_the_files_of_the_sets_are_inputs(test_sets: dict[str, Any]) -> None:
    paths = [settings["path"] for settings in test_sets.values()]
    assert decontaminate(against=test_sets).inputs() == paths


def test_more_than_the_share_ends_the_build(test_sets: dict[str, Any]) -> None:
    batch = rows(*({"source": a, "target": b} for a, b in PAIRS))
    with pytest.raises(StepError) as caught:
        run_steps([batch], decontaminate(against=test_sets, max_dropped=0.5))
    assert str(caught.value) == (
        "3 of 4 rows of train share a sentence with a test set (75.0%: one 2, two 1), more than "
        "{setting} allows (50.0%); check the input, or raise {setting}"
    )


def test_a_set_without_the_fields_is_named_with_file_line_and_mend(
    test_sets: dict[str, Any],
) -> None:
    test_sets["two"]["metadata"] = {"source": "q"}
    with pytest.raises(DataError) as caught:
        decontaminate(against=test_sets)
    assert str(caught.value) == (
        f"{test_sets['two']['path']}:1: the field 'target' is absent; `decontaminate` needs it: "
        "see `metadata` of 'two'"
    )


@pytest.mark.parametrize(
    ("against", "said"),
    [
        ({}, "at least 1"),
        ({"a": {"path": "x"}}, "a: kind is required"),
        ({"a": {"kind": "tvs", "path": "x"}}, "a: .*did you mean 'tsv'"),
        ({"a": {"kind": "tsv"}}, r"a\.path: Field required"),
        ({"a": {"kind": "tsv", "path": "x", "txt": None}}, r"a\.txt: Extra inputs"),
        ({"a": {"kind": "dataset", "path": "x"}}, "a: a source of tokens has no sentences"),
    ],
)
def test_sets_that_are_no_sources_are_refused(against: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        STEPS.get("decontaminate").model_validate({"against": against})
