"""Small directories that LLaMA-Factory reads, and trainings on them, for tests to break."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from penstock.formats.chat import TAGS

Row = dict[str, Any]

#: The settings of an entry besides its file.
LAYOUT: Mapping[str, Any] = {
    "formatting": "sharegpt",
    "columns": {"messages": "messages"},
    "tags": dict(TAGS),
}
PROMPT = "Paraphrase this: "
_WORDS = ("river", "mill", "wheel", "valve", "flood", "dam", "pipe", "weir", "lock", "sluice")


def row(*turns: tuple[str, str]) -> Row:
    """Return a row of turns, each a role and its text."""
    return {"messages": [{"role": role, "content": content} for role, content in turns]}


def sentences(number: int) -> tuple[str, str]:
    """Return the two sentences of a pair, distinct for each number."""
    word = _WORDS[number % len(_WORDS)]
    return f"On day {number} the {word} rose.", f"The {word}, it rose: it was day {number}."


def pairs(start: int, stop: int) -> list[Row]:
    """Return the rows of pairs, in both directions."""
    return [
        row(("system", "Say it in other words."), ("user", PROMPT + source), ("assistant", target))
        for number in range(start, stop)
        for source, target in (sentences(number), sentences(number)[::-1])
    ]


def questions(start: int, stop: int) -> list[Row]:
    """Return rows of questions whose answers are one of two words."""
    return [
        row(("user", f"Is {number} an even number?"), ("assistant", "no" if number % 2 else "yes"))
        for number in range(start, stop)
    ]


def write_entries(
    directory: Path,
    files: Mapping[str, Sequence[Any]],
    entries: Mapping[str, Mapping[str, Any]] | None = None,
) -> Path:
    """Write files of rows (NAME, or NAME.json) and entries for them; `entries` changes settings.

    None removes a setting.
    """
    directory.mkdir(parents=True, exist_ok=True)
    info = {}
    for name, rows in files.items():
        stem, array, _ = name.partition(".json")
        data = json.dumps(rows, indent=1) if array else "".join(json.dumps(r) + "\n" for r in rows)
        file = directory / (name if array else f"{name}.jsonl")
        file.write_text(data, encoding="utf-8")
        settings = {"file_name": file.name, **LAYOUT, **(entries or {}).get(stem, {})}
        info[stem] = {key: value for key, value in settings.items() if value is not None}
    (directory / "dataset_info.json").write_text(json.dumps(info, indent=2), encoding="utf-8")
    return directory


def write_splits(directory: Path) -> Path:
    """Write pairs with no sentence in two splits."""
    files = {"all_train": pairs(0, 40), "all_eval": pairs(40, 50), "all_test": pairs(50, 60)}
    return write_entries(directory, files)


def write_training(file: Path, directory: Path, **settings: Any) -> Path:
    """Write a training YAML that is correct for `write_splits`, with some settings changed.

    None removes a setting.
    """
    right = {
        "model_name_or_path": "meta-llama/Llama-3.2-3B-Instruct",
        "stage": "sft",
        "do_train": True,
        "dataset_dir": str(directory),
        "dataset": "all_train",
        "eval_dataset": "all_eval",
        "template": "llama3",
        "bf16": True,
    }
    lines = {**right, **settings}
    text = "".join(f"{k}: {json.dumps(v)}\n" for k, v in lines.items() if v is not None)
    file.write_text(text, encoding="utf-8")
    return file
