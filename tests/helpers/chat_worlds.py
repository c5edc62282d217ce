"""Small inputs of chat recipes, and a plain reader of directories of chat rows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from random import Random
from typing import Any

Row = dict[str, Any]

_NAMES = ["Ada", "Emmy", "Grace", "Mary", "Sofia", "Hedy", "Rosalind", "Lise", "Chien", "Vera"]
_PLACES = ["the mill", "the river", "a bridge", "the workshop", "an old house", "the harbour"]
_TIMES = ["at noon", "in spring", "after the rain", "every day", "with her brother", "by cart"]


def sentences(count: int, seed: int = 0) -> list[str]:
    """Return different short sentences."""
    drawn = Random(seed)
    return [
        f"{drawn.choice(_NAMES)} goes to {drawn.choice(_PLACES)} {drawn.choice(_TIMES)}, {n} miles."
        for n in range(count)
    ]


def corrections(count: int = 300) -> list[Row]:
    """Return rows of grammar correction: one to three corrections of each of `count` sentences."""
    rows = []
    for number, right in enumerate(sentences(count)):
        wrong = right.replace("goes", "go")
        ways = [right, right.replace(",", " for"), right.replace("goes", "is going")]
        rows += [{"sentence": wrong, "correction": way} for way in ways[: 1 + number % 3]]
    return Random(1).sample(rows, len(rows))


def questions(count: int = 100) -> list[Row]:
    """Return rows of three questions about each of `count` passages."""
    passages = [" ".join(sentences(4, seed)) for seed in range(count)]
    rows = [
        {"passage": passage, "question": f"Who goes, in sentence {n + 1}?", "answer": name}
        for passage in passages
        for n, name in enumerate(s.split()[0] for s in passage.split(". ")[:3])
    ]
    return Random(2).sample(rows, len(rows))


def instructions(count: int = 200) -> list[Row]:
    """Return rows of instructions in alpaca's layout: some without an input, some repeated."""
    rows = []
    for number, text in enumerate(sentences(count)):
        asked = "Who is it about?" if number % 2 else f"Count to {number % 50}."
        given = text if number % 2 else ""
        rows.append({"instruction": asked, "input": given, "output": f"{text.split()[0]} {number}"})
    return rows


def write_chat_inputs(directory: Path) -> None:
    """Write the inputs that the chat examples name."""
    for name, rows in (
        ("corrections", corrections()),
        ("questions", questions()),
        ("instructions", instructions()),
    ):
        write_lines(directory / "chat" / f"{name}.jsonl", rows)


def write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """Write rows as JSON Lines and return the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def rows_in(path: Path) -> list[Row]:
    """Return the rows of a file as `json` reads them: an array, or one object per line."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        rows: list[Row] = json.loads(text)
        return rows
    assert text.endswith("\n")
    return [json.loads(line) for line in text.split("\n")[:-1]]


def rows_by_file(directory: Path) -> dict[str, list[Row]]:
    """Return the rows of each file that `dataset_info.json` names, by the entry's name."""
    info = json.loads((directory / "dataset_info.json").read_text(encoding="utf-8"))
    return {name: rows_in(directory / entry["file_name"]) for name, entry in info.items()}


def turns(row: Row) -> list[str]:
    """Return the texts of user and assistant in a row."""
    return [message["content"] for message in row["messages"] if message["role"] != "system"]
