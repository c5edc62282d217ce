"""The check reports on any content of the files: no row, entry or setting ends it."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.chat_directories import LAYOUT, pairs, write_training
from penstock import check

SCALARS = st.none() | st.booleans() | st.integers(-5, 5) | st.floats() | st.text("ab ", max_size=3)
NAMES = st.sampled_from(
    ["messages", "role", "content", "instruction", "output", "system", "history", "chosen", "good"]
)
ROLES = st.sampled_from(["system", "user", "assistant", "tool", "function", "other", "", None, 5])
VALUES = st.recursive(
    SCALARS | st.fixed_dictionaries({"role": ROLES, "content": SCALARS}),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
ROWS = st.lists(st.dictionaries(NAMES, VALUES, max_size=4) | VALUES, max_size=6)
ALPACA = {"prompt": "instruction", "response": "output", "system": "system", "history": "history"}
LAYOUTS = st.sampled_from(
    [
        LAYOUT,
        {**LAYOUT, "formatting": "openai", "columns": {"messages": "messages", "system": "system"}},
        {"formatting": "alpaca", "columns": ALPACA},
        {**LAYOUT, "columns": {"messages": "messages", "kto_tag": "good"}},
        {
            **LAYOUT,
            "ranking": True,
            "columns": {"messages": "messages", "chosen": "chosen", "rejected": "content"},
        },
        {"ranking": True, "columns": {**ALPACA, "chosen": "chosen", "rejected": "output"}},
    ]
)
KEYS = st.sampled_from(["file_name", "formatting", "columns", "tags", "ranking", "num_samples"])


def report_on(rows: list[Any], entry: Any, **training: Any) -> dict[str, Any]:
    """Return the reports on these rows after two valid ones, as lines and as an array."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        every = [*pairs(0, 1), *rows]
        (directory / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in every))
        (directory / "b.json").write_text(json.dumps(every))
        info = {"a_train": {"file_name": "a.jsonl", **LAYOUT}, "odd_eval": entry}
        info["b_test"] = {**LAYOUT, "file_name": "b.json"}
        (directory / "dataset_info.json").write_text(json.dumps(info))
        write_training(directory / "train.yaml", directory, **{"dataset": "a_train", **training})
        return check(directory).to_dict()


@settings(max_examples=60)
@given(ROWS, LAYOUTS, st.sampled_from(["a.jsonl", "b.json"]))
def test_the_check_survives_any_row(rows: list[Any], layout: dict[str, Any], file: str) -> None:
    assert report_on(rows, {**layout, "file_name": file})["datasets"]


@settings(max_examples=40)
@given(st.dictionaries(KEYS, VALUES | LAYOUTS, max_size=4) | VALUES)
def test_the_check_survives_any_entry(entry: Any) -> None:
    assert report_on([], entry)["datasets"]


@settings(max_examples=40)
@given(
    st.dictionaries(
        st.sampled_from(
            [
                *("dataset", "eval_dataset", "template", "val_size", "cutoff_len", "stage"),
                *("tokenized_path", "streaming", "max_steps", "fp16", "packing"),
            ]
        ),
        SCALARS.filter(lambda value: value == value and value not in (float("inf"), -float("inf")))
        | st.lists(st.sampled_from(["a_train", "odd_eval", 5, None]), max_size=2),
    )
)
def test_the_check_survives_any_setting(training: dict[str, Any]) -> None:
    assert report_on([], {"file_name": "b.json", **LAYOUT}, **training)["datasets"]
