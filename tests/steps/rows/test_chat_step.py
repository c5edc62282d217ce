"""The step `chat`: rows become messages by templates, a pair in one or both directions."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from helpers.step_batches import order_of, segments_of, stats
from penstock.batches import RowBatch, RowStats
from penstock.errors import DataError
from penstock.steps import STEPS, Step

PAIR = {"source": "He go.", "target": "He goes."}
PLAIN = {"user": "{source}", "assistant": "{target}"}
#: Text that can stand in a turn: not only white space.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)


def chat(**options: Any) -> Step:
    return STEPS.get("chat").model_validate({**PLAIN, **options})


def run(step: Step, *rows: dict[str, Any], counted: RowStats | None = None) -> RowBatch:
    """Return the batch that the step makes of rows in lines 1, 2, ..."""
    made: RowBatch = step.apply(RowBatch(list(rows), range(len(rows))), counted or stats())
    return made


def documents(batch: RowBatch) -> list[list[dict[str, Any]]]:
    """Return the chat rows of each document."""
    return [list(rows) for rows in batch.documents()]


def messages(*turns: tuple[str, str]) -> dict[str, Any]:
    return {"messages": [{"role": role, "content": content} for role, content in turns]}


def test_templates_make_the_turns_of_a_row() -> None:
    step = chat(system="Be brief, {{ok}}.", user="Mend {meta.n}: {source}")
    [[row]] = documents(run(step, {**PAIR, "meta": {"n": 3}, "label": 1}))
    assert row == messages(
        ("system", "Be brief, {ok}."), ("user", "Mend 3: He go."), ("assistant", "He goes.")
    )


def test_without_a_system_prompt_there_is_no_turn_of_it() -> None:
    [[row]] = documents(run(chat(), PAIR))
    assert row == messages(("user", "He go."), ("assistant", "He goes."))


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=5))
def test_both_directions_are_two_rows_of_one_document(pairs: list[tuple[str, str]]) -> None:
    rows = [{"source": source, "target": target} for source, target in pairs]
    found = documents(run(chat(directions="both"), *rows))
    assert found == [
        [
            messages(("user", one.strip()), ("assistant", other.strip()))
            for one, other in (pair, pair[::-1])
        ]
        for pair in pairs
    ]


def test_both_rows_of_a_document_stay_together_until_each_is_a_unit() -> None:
    batch = run(chat(directions="both"), PAIR, {**PAIR, "source": "x"}, {**PAIR, "source": "y"})
    assert batch.rows_per_document is not None
    assert batch.rows_per_document.tolist() == [2, 2, 2]
    taken = batch.take([2, 0])
    assert documents(taken) == [documents(batch)[2], documents(batch)[0]]
    assert (len(taken), list(taken.numbers), len(taken.rows)) == (2, [2, 0], 4)
    order = order_of([[5, 6], [7, 8]], source=[0, 1], split=[0, 2])
    parted = order.one_row_per_unit()
    assert segments_of(parted) == [[(0, 5)], [(5, 6)], [(11, 7)], [(18, 8)]]
    assert parted.columns["source"].tolist() == [0, 0, 1, 1]
    assert parted.columns["split"].tolist() == [0, 0, 2, 2]


def test_fields_are_kept_beside_the_messages_only_when_they_are_listed() -> None:
    row = {**PAIR, "id": None, "tags": ["a"]}
    [[kept]] = documents(run(chat(metadata=["id", "tags"]), row))
    assert {name: kept[name] for name in kept if name != "messages"} == {"id": None, "tags": ["a"]}
    with pytest.raises(DataError, match=r"input\.jsonl:2: the field 'id' is absent; see `chat`"):
        run(chat(metadata=["id"]), row, PAIR)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            {"target": " \n"},
            "the field 'target' has no text; `empty: allow` accepts such fields",
        ),
        ({"target": None}, "the field 'target' is null; `empty: allow` accepts such fields; see"),
        ({"source": ["a"]}, "the field 'source' is a list; the template of `chat` takes text"),
        ({"source": float("nan")}, "the field 'source' is null"),
    ],
)
def test_a_row_that_makes_no_turn_is_named_by_line(change: dict[str, Any], expected: str) -> None:
    with pytest.raises(DataError) as caught:
        run(chat(), PAIR, {**PAIR, **change})
    assert str(caught.value).startswith(f"input.jsonl:2: {expected}")
    counted = stats(skip=True)
    kept = run(chat(directions="both"), {**PAIR, **change}, PAIR, counted=counted)
    assert (list(kept.numbers), list(map(len, kept.documents()))) == ([1], [2])
    assert (counted.unusable, counted.current.dropped) == (1, {"unusable": 1})


def test_an_empty_field_beside_other_words_of_a_turn_is_a_bad_row_too() -> None:
    step = chat(assistant="Answer: {target}")
    with pytest.raises(DataError, match=r":1: the field 'target' has no text; `empty: allow`"):
        run(step, {**PAIR, "target": ""})


@pytest.mark.parametrize("empty", ["", " ", None, float("nan")])
def test_nothing_stands_for_an_empty_field_where_that_is_allowed(empty: str | None) -> None:
    step = chat(user="{source}\n{hint}", empty="allow")
    [[row]] = documents(run(step, {**PAIR, "hint": empty}))
    assert row == messages(("user", "He go."), ("assistant", "He goes."))
    with pytest.raises(DataError, match=r":1: the turn of user has no text; see `chat`"):
        run(step, {**PAIR, "source": "", "hint": empty})
    with pytest.raises(DataError, match=r":1: the field 'hint' is absent; see `chat`"):
        run(step, PAIR)


def test_turning_a_pair_round_makes_no_field_that_was_not_there() -> None:
    step = chat(user="{source}", assistant="{target}", directions="both")
    counted = stats(skip=True)
    run(step, {"source": "He go."}, {"target": "He goes."}, counted=counted)
    assert [reason for *_, reason in counted.errors] == [
        "the field 'target' is absent; see `chat`",
        "the field 'source' is absent; see `chat`",
    ]


def test_no_text_of_a_row_stands_in_an_error() -> None:
    counted = stats(skip=True)
    run(chat(), {"source": {"secret": 1}, "target": "secret"}, counted=counted)
    assert "secret" not in str(counted.errors)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"user": "Say it.", "assistant": "No."}, "the turns have no field; write {field} where"),
        (
            {"user": "{a}", "assistant": "{target}", "directions": "both"},
            "`directions: both` needs {source} in a turn",
        ),
        ({"user": "{a} {b}", "assistant": "So: {b}"}, "the prompt contains the answer ({b})"),
        ({"user": "{source"}, "a single '{'; write '{{' for a brace"),
        ({"user": ""}, "at least 1 character"),
        ({"metadata": ["messages"]}, "metadata cannot contain 'messages'"),
        ({"directions": "two"}, "'one' or 'both'"),
    ],
)
def test_templates_that_cannot_be_filled_are_refused(
    options: dict[str, Any], expected: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        chat(**options)
    assert expected in str(caught.value)
