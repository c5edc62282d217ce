"""The steps `conversation` and `keep`: rows of other layouts become messages, and these stay."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from helpers.step_batches import stats
from penstock.batches import RowBatch
from penstock.errors import DataError
from penstock.formats.chat import to_alpaca
from penstock.steps import STEPS

SHAREGPT = {
    "id": 7,
    "conversations": [{"from": "human", "value": "Hi."}, {"from": "gpt", "value": "Hello."}],
}
OPENAI = {"messages": [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "!"}]}
ALPACA = {"instruction": "Add.", "input": "1 + 1", "output": "2"}
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)


def made(name: str, options: dict[str, Any], *rows: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what a step makes of rows that stand in lines 1, 2, ..."""
    step = STEPS.get(name).model_validate(options)
    batch = step.apply(RowBatch(list(rows), range(len(rows))), stats())
    assert isinstance(batch, RowBatch)
    return batch.rows


def conversation(*rows: dict[str, Any], **options: Any) -> list[list[tuple[str, str]]]:
    """Return the turns of each row as (role, content)."""
    found = made("conversation", options, *rows)
    return [[(turn["role"], turn["content"]) for turn in row["messages"]] for row in found]


def test_sharegpt_openai_and_alpaca_become_messages() -> None:
    assert conversation(SHAREGPT) == [[("user", "Hi."), ("assistant", "Hello.")]]
    assert conversation(OPENAI, layout="openai") == [[("user", "Hi."), ("assistant", "!")]]
    asked = [("user", "Add.\n1 + 1"), ("assistant", "2")]
    assert conversation(ALPACA, layout="alpaca") == [asked]
    bare = {"instruction": "Add 1 and 1.", "output": "2"}
    assert conversation(bare, layout="alpaca") == [[("user", "Add 1 and 1."), ("assistant", "2")]]


def test_history_and_system_prompts_of_alpaca_come_first() -> None:
    row = {**ALPACA, "system": "Be exact.", "history": [["One?", "1"], ["Two?", "2"]]}
    assert conversation(row, layout="alpaca") == [
        [
            ("system", "Be exact."),
            *[("user", "One?"), ("assistant", "1"), ("user", "Two?"), ("assistant", "2")],
            *[("user", "Add.\n1 + 1"), ("assistant", "2")],
        ]
    ]


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=4), st.none() | TEXTS)
def test_alpaca_rows_that_penstock_writes_are_the_same_conversation_again(
    pairs: list[tuple[str, str]], system: str | None
) -> None:
    turns = [("system", system)] if system else []
    turns += [turn for ask, say in pairs for turn in (("user", ask), ("assistant", say))]
    row = to_alpaca([{"role": role, "content": str(content)} for role, content in turns])
    assert conversation(row, layout="alpaca") == [turns]


def test_fields_and_roles_may_be_called_otherwise() -> None:
    row = {
        "dialogue": {
            "turns": [
                {"speaker": "customer", "said": "Where?"},
                {"speaker": "clerk", "said": "There."},
            ]
        }
    }
    fields = {"messages": "dialogue.turns", "role": "speaker", "content": "said"}
    roles = {"customer": "user", "clerk": "assistant"}
    assert conversation(row, fields=fields, roles=roles) == [
        [("user", "Where?"), ("assistant", "There.")]
    ]
    context = {"instruction": "Add.", "context": "1 + 1", "output": "2"}
    [[asked, _]] = conversation(context, layout="alpaca", fields={"input": "context"})
    assert asked == ("user", "Add.\n1 + 1")


def test_fields_of_alpaca_may_lie_within_another() -> None:
    row = {"meta": ALPACA, "output": "2", "turns": {"before": [["One?", "1"]]}}
    fields = {"instruction": "meta.instruction", "input": "meta.input", "history": "turns.before"}
    [found] = conversation(row, layout="alpaca", fields=fields)
    assert found[:2] == [("user", "One?"), ("assistant", "1")]
    assert found[2:] == [("user", "Add.\n1 + 1"), ("assistant", "2")]


def test_a_system_prompt_is_given_to_conversations_that_have_none() -> None:
    own = {**SHAREGPT, "system": "Own."}
    within = {"conversations": [{"from": "system", "value": "Own."}, *SHAREGPT["conversations"]]}
    found = conversation(SHAREGPT, own, within, system="Given.")
    assert [turns[0] for turns in found] == [
        ("system", "Given."),
        ("system", "Own."),
        ("system", "Own."),
    ]
    assert [len(turns) for turns in found] == [3, 3, 3]


def test_calls_of_functions_keep_their_roles() -> None:
    value = [
        {"from": "human", "value": "Weather?"},
        {"from": "function_call", "value": '{"name": "look", "arguments": {}}'},
        {"from": "observation", "value": "rain"},
        {"from": "gpt", "value": "Rain."},
    ]
    [turns] = conversation({"conversations": value})
    assert [role for role, _ in turns] == ["user", "function", "tool", "assistant"]


def test_only_the_prompt_and_listed_fields_stand_beside_the_messages() -> None:
    system = {"from": "system", "value": "Own."}
    row = {"id": 7, "by": "x", "conversations": [system, *SHAREGPT["conversations"]]}
    [found] = made("conversation", {"prompt": "asked", "metadata": ["id"]}, row)
    assert list(found) == ["messages", "asked", "id"]
    assert (found["asked"], found["id"]) == ("Hi.", 7)
    assert made("keep", {"fields": ["messages"]}, found) == [{"messages": found["messages"]}]


@pytest.mark.parametrize(
    ("options", "row", "expected"),
    [
        ({}, {"id": 1}, "the field 'conversations' is absent"),
        ({}, {"conversations": "secret"}, "the field 'conversations' is text, must be a list"),
        ({}, {"conversations": ["secret"]}, "a message is text, must be an object"),
        ({}, {"conversations": []}, "has no turn"),
        (
            {},
            {"conversations": SHAREGPT["conversations"][:1]},
            "the last turn is no answer",
        ),
        (
            {},
            {"conversations": SHAREGPT["conversations"][::-1]},
            "turn 1 is of assistant, must be of user or tool",
        ),
        (
            {},
            {"conversations": [{"from": "secret", "value": "secret"}]},
            "the role of message 1 is none of human, gpt, system, observation, function_call",
        ),
        (
            {},
            {"conversations": [SHAREGPT["conversations"][0], {"from": "gpt", "value": " "}]},
            "turn 2, of assistant, has no text",
        ),
        (
            {"layout": "openai"},
            {"messages": [{"role": "user", "content": None}]},
            "`content` of message 1 is null, must be text",
        ),
        ({"layout": "alpaca"}, {"instruction": "secret"}, "has no answer in the field 'output'"),
        ({"layout": "alpaca"}, {**ALPACA, "history": ["secret"]}, "the history is not a list of"),
        ({"layout": "alpaca"}, {**ALPACA, "history": "secret"}, "the history is not a list of"),
        ({"layout": "alpaca"}, {**ALPACA, "input": ["secret"]}, "the instruction or its input is"),
        ({"layout": "alpaca"}, {**ALPACA, "output": 5}, "`content` of message 2 is a number"),
        ({"metadata": ["id"]}, {"conversations": SHAREGPT["conversations"]}, "the field 'id' is "),
    ],
)
def test_what_is_no_conversation_is_named_by_line(
    options: dict[str, Any], row: dict[str, Any], expected: str
) -> None:
    good = {"sharegpt": SHAREGPT, "openai": OPENAI, "alpaca": ALPACA}[
        options.get("layout", "sharegpt")
    ]
    with pytest.raises(DataError) as caught:
        made("conversation", options, good, row)
    assert str(caught.value).startswith(f"input.jsonl:2: {expected}")
    assert str(caught.value).endswith("; see `conversation`")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"fields": {"message": "a"}}, "has no 'message'; did you mean 'messages'?"),
        ({"layout": "alpaca", "fields": {"role": "a"}}, "it has instruction, input, output, sys"),
        ({"layout": "alpaca", "roles": {"a": "user"}}, "roles: the layout alpaca has no roles"),
        ({"roles": {"a": "humn"}}, "'system', 'user', 'assistant', 'tool' or 'function'"),
        ({"prompt": "messages"}, "must be different"),
        ({"prompt": "id", "metadata": ["id"]}, "must be different"),
    ],
)
def test_settings_that_do_not_fit_the_layout_are_refused(
    options: dict[str, Any], expected: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        made("conversation", options)
    assert expected in str(caught.value)


def test_keep_leaves_no_other_field_and_names_a_row_that_lacks_one() -> None:
    row = {"b": {"c": 1}, "a": None, "d": "secret"}
    assert made("keep", {"fields": ["a", "b"]}, row) == [{"a": None, "b": {"c": 1}}]
    with pytest.raises(DataError, match=r"input\.jsonl:2: the field 'a' is absent; `keep` needs"):
        made("keep", {"fields": ["a"]}, row, {"b": 1})
