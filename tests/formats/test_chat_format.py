"""The format `chat`: files of splits and parts, their entries, and invalid rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from helpers.chat_worlds import rows_by_file, rows_in
from penstock.errors import ConfigError
from penstock.formats import FORMATS, Format, OutputSpec, RowBlock, SplitShape
from penstock.formats.chat import ChatDataset

SPLITS = ("train", "validation", "test")
SOURCES = ("paws", "qqp")
TURNS = [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Hello."}]
ROW = {"messages": TURNS}
ROLES = {"role_tag": "role", "content_tag": "content", "system_tag": "system"}
ROLES |= {"user_tag": "user", "assistant_tag": "assistant"}
ROLES |= {"observation_tag": "tool", "function_tag": "function"}


def chat(**options: Any) -> Format:
    return FORMATS.get("chat").model_validate(options)


def block(rows: list[dict[str, Any]]) -> RowBlock:
    """Return rows as a build passes them to a format."""
    data = [json.dumps(row, ensure_ascii=False).encode() for row in rows]
    lengths = np.array([len(row) for row in data], np.int32)
    return RowBlock(np.frombuffer(b"".join(data), np.uint8), lengths, np.arange(len(rows) + 1))


def written(
    directory: Path, views: dict[str, list[dict[str, Any]]], *, blocks: int = 2, **options: Any
) -> Path:
    """Write the rows of views as a build does, and return the directory."""
    form = chat(**options)
    shapes = {name: SplitShape(len(rows), len(rows), 1) for name, rows in views.items()}
    target = OutputSpec(directory, "talk", shapes, np.dtype(np.uint8))
    form.verify(target)
    directory.mkdir()
    files = []
    for shard in form.shards(target):
        rows = views[shard.split][shard.start : shard.stop]
        step = max(1, len(rows) // blocks)
        parts = [block(rows[start : start + step]) for start in range(0, len(rows), step)]
        files += form.write(directory, shard, target, parts)
    assert form.finish(directory, target, files) == ["dataset_info.json"]
    return directory


def numbered(count: int, first: int = 0) -> list[dict[str, Any]]:
    """Return distinct chat rows, with text that JSON must escape."""
    return [
        {"messages": [TURNS[0], {"role": "assistant", "content": f'"{n}"\n\\ é 𝄞 \u2028'}]}
        for n in range(first, first + count)
    ]


def test_each_split_has_a_file_and_the_joined_ones_an_array() -> None:
    views = chat(joined=["train", "validation"]).views(SPLITS, SOURCES)
    assert [(view.name, view.splits, view.sources) for view in views] == [
        ("train", ("train",), None),
        ("validation", ("validation",), None),
        ("test", ("test",), None),
        ("joined", ("train", "validation"), None),
    ]
    assert [view.name for view in chat(joined=[]).views(SPLITS, SOURCES)] == list(SPLITS)


def test_a_part_has_the_splits_of_its_sources() -> None:
    views = chat(parts={"q": ["qqp"]}, joined=[]).views(SPLITS, SOURCES)
    assert [(view.name, view.sources) for view in views[3:]] == [
        ("q_train", ("qqp",)),
        ("q_eval", ("qqp",)),
        ("q_test", ("qqp",)),
    ]
    with pytest.raises(ConfigError, match="'q' has no source 'qpq'; did you mean 'qqp'"):
        chat(parts={"q": ["qpq"]}).views(SPLITS, SOURCES)
    with pytest.raises(ConfigError, match="'q' has no source 'x'; the sources are paws, qqp"):
        chat(parts={"q": ["x"]}).views(SPLITS, SOURCES)


def test_a_part_with_the_name_of_the_combined_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'talk' is the name of the files of all sources"):
        written(tmp_path / "talk", {"train": [ROW]}, parts={"talk": ["qqp"]})
    with pytest.raises(ConfigError, match="'all' is the name of the files of all sources"):
        written(tmp_path / "talk", {"train": [ROW]}, parts={"all": ["qqp"]}, combined="all")


@given(rows=st.integers(1, 9), blocks=st.integers(1, 9))
def test_files_contain_exactly_the_rows_of_any_blocks(
    tmp_path_factory: pytest.TempPathFactory, rows: int, blocks: int
) -> None:
    views = {
        "train": numbered(rows),
        "validation": numbered(2, 100),
        "q_test": numbered(1, 200),
        "joined": numbered(rows + 2, 300),
    }
    directory = written(tmp_path_factory.mktemp("chat") / "d", views, blocks=blocks)
    assert rows_by_file(directory) == {
        "talk_train": views["train"],
        "talk_eval": views["validation"],
        "q_test": views["q_test"],
        "talk": views["joined"],
    }
    assert {path.name for path in directory.iterdir()} == {
        *("talk_train.jsonl", "talk_eval.jsonl", "q_test.jsonl", "talk.json"),
        "dataset_info.json",
    }


def test_every_tag_is_written_in_the_entries(tmp_path: Path) -> None:
    directory = written(tmp_path / "d", {"train": [ROW], "joined": [ROW]}, combined="all")
    info = json.loads((directory / "dataset_info.json").read_bytes())
    assert info["all_train"] == {
        "file_name": "all_train.jsonl",
        "formatting": "sharegpt",
        "columns": {"messages": "messages"},
        "tags": ROLES,
    }
    assert info["all"] == {**info["all_train"], "file_name": "all.json"}


def test_alpaca_rows_have_a_history_and_keep_other_fields(tmp_path: Path) -> None:
    system = {"role": "system", "content": "Be brief."}
    row = {"messages": [system, *TURNS, *TURNS], "id": 3}
    directory = written(tmp_path / "d", {"train": [ROW, row]}, formatting="alpaca")
    info = json.loads((directory / "dataset_info.json").read_bytes())
    parts = {"prompt": "instruction", "query": "input", "response": "output"}
    assert info["talk_train"] == {
        "file_name": "talk_train.jsonl",
        "formatting": "alpaca",
        "columns": {**parts, "system": "system", "history": "history"},
    }
    plain = {"instruction": "Hi.", "input": "", "output": "Hello.", "system": "", "history": []}
    assert rows_in(directory / "talk_train.jsonl") == [
        plain,
        {**plain, "system": "Be brief.", "history": [["Hi.", "Hello."]], "id": 3},
    ]


@pytest.mark.parametrize("formatting", ["sharegpt", "alpaca"])
def test_written_rows_are_read_back_as_messages(tmp_path: Path, formatting: str) -> None:
    rows = numbered(5)
    views = {"train": rows, "validation": rows[:2], "joined": rows}
    dataset = ChatDataset(written(tmp_path / "d", views, formatting=formatting))
    assert dataset.splits == {"train": 5, "validation": 2}
    found = list(dataset.messages("train"))
    assert [[turn._asdict() for turn in row.messages] for row in found] == [
        row["messages"] for row in rows
    ]
    assert [row.number for row in found] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"text": "secret"}, "the field 'messages' is absent; the step `chat` or `conversation`"),
        ({"messages": "secret"}, "the field 'messages' is text, must be a list; the step `chat`"),
        ({"messages": []}, "has no turn"),
        ({"messages": TURNS[:1]}, "the last turn is no answer; correct the `messages` of the row"),
        ({"messages": TURNS[::-1]}, "turn 1 is of assistant, must be of user or tool"),
        ({"messages": [*TURNS[:1], {"role": "assistant", "content": " "}]}, "turn 2, of assistant"),
    ],
)
def test_an_invalid_chat_row_has_a_problem_with_a_fix(row: dict[str, Any], said: str) -> None:
    problem = chat().problem_with(row)
    assert problem is not None
    assert problem.startswith(said)
    assert "secret" not in problem
    assert chat().problem_with(ROW) is None


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (
            {"messages": [{"role": "tool", "content": "rain"}, TURNS[1]]},
            "has a turn of tool, which alpaca cannot hold; set `formatting: sharegpt`",
        ),
        (
            {**ROW, "input": "secret"},
            "has a field 'input' beside `messages`, which alpaca uses itself",
        ),
    ],
)
def test_rows_that_only_alpaca_cannot_hold(row: dict[str, Any], said: str) -> None:
    assert (chat(formatting="alpaca").problem_with(row) or "").startswith(said)
    assert chat().problem_with(row) is None


def test_find_ignores_dataset_info_of_other_programs(tmp_path: Path) -> None:
    written(tmp_path / "talk", {"train": [ROW]})
    for name, beside in (("tfds", "features.json"), ("saved", "state.json")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "dataset_info.json").write_text('{"name": {"file_name": "x"}}')
        (tmp_path / name / beside).write_text("{}")
    assert FORMATS.get("chat").find(tmp_path) == [tmp_path / "talk"]


@pytest.mark.parametrize(
    "options", [{"formatting": "openai"}, {"parts": {"a/b": ["x"]}}, {"parts": {"a": []}}]
)
def test_invalid_settings_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        chat(**options)
