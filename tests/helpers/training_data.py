"""Rows of benchmark tasks to train on, composed from the words of the demo."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from penstock.tasks import TASKS

EVENTS = (
    ("switched on the lamp", "The room became bright."),
    ("left the window open", "The room became cold."),
    ("dropped the glass", "The glass broke, and broken glass lay on the floor."),
    ("told a joke", "Everybody laughed."),
    ("fed the dog", "The dog was content."),
)
NAMES = ("Ada", "Boris", "Clara", "David", "Emma", "Felix", "Greta")

Rows = list[dict[str, Any]]


def write_task(directory: Path, task_name: str, train: Rows, validation: Rows) -> Path:
    """Write train and validation file of a task and return the directory."""
    task = TASKS.get(task_name)
    directory.mkdir(parents=True)
    for split, rows in (("train", train), ("validation", validation)):
        lines = b"".join(orjson.dumps(row) + b"\n" for row in rows)
        (directory / task.file_name(split)).write_bytes(lines)
    return directory


def copa_rows(count: int, first: int = 0, words: str = "") -> Rows:
    """COPA rows that ask for an effect; each premise starts with `words`."""
    return [_copa_row(index, words) for index in range(first, first + count)]


def _copa_row(index: int, words: str) -> dict[str, Any]:
    deed, effect = EVENTS[index % 5]
    other = EVENTS[(index + 1 + index // 5 % 4) % 5][1]
    label = index // 3 % 2
    return {
        "premise": f"{words}{NAMES[index % 7]} {deed}.",
        "choice1": other if label else effect,
        "choice2": effect if label else other,
        "question": "effect",
        "idx": index,
        "label": label,
    }


def cb_rows(count: int, first: int = 0) -> Rows:
    """CommitmentBank rows, balanced over the labels."""
    return [
        {
            "premise": f"{NAMES[index % 7]} {EVENTS[index % 5][0]}.",
            "hypothesis": EVENTS[index * 2 % 5][1],
            "idx": index,
            "label": index % 3,
        }
        for index in range(first, first + count)
    ]


def arc_rows(count: int, first: int = 0) -> Rows:
    """ARC rows with three, four or five choices, some with the labels 1, 2, 3, ..."""
    rows = []
    for index in range(first, first + count):
        choices = 3 + index % 3
        labels = [*("12345" if index % 4 == 0 else "ABCDE")][:choices]
        rows.append(
            {
                "id": f"row_{index}",
                "question": f"What came of it when {NAMES[index % 7]} {EVENTS[index % 5][0]}?",
                "choices": {"text": [EVENTS[n][1] for n in range(choices)], "label": labels},
                "answerKey": labels[index % choices],
            }
        )
    return rows


def squad_rows(count: int, first: int = 0) -> Rows:
    """SQuAD rows; each has two reference answers."""
    return [
        {
            "id": f"row_{index}",
            "title": "The house",
            "context": "Everybody did what they do.",
            "question": f"Who {EVENTS[index % 5][0]}?",
            "answers": {
                "text": [NAMES[index % 5], f"{NAMES[index % 5]} did"],
                "answer_start": [0, 0],
            },
        }
        for index in range(first, first + count)
    ]
