"""Small inputs and recipes that the tests of builds share."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

WORDS = ["the", "water", "in", "a", "penstock", "falls", "on", "its", "wheel", "and", "stays"]


def rows(count: int, *, patients: int = 7) -> list[dict[str, Any]]:
    """Return rows with text of many lengths, each different, of a few patients."""
    return [
        {
            "id": number,
            "patient": f"p{number % patients}",
            "text": " ".join(WORDS[(number + k) % len(WORDS)] for k in range(1 + number * 7 % 40))
            + f" {number}",
        }
        for number in range(count)
    ]


def write_jsonl(path: Path, rows: Iterable[Mapping[str, Any] | str]) -> Path:
    """Write rows, or lines as they are, and return the path."""
    lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def write_recipe(path: Path, **settings: Any) -> Path:
    """Write a recipe file and return its path."""
    path.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    return path


def files_of(directory: Path) -> dict[str, bytes]:
    """Return every file below a directory with its bytes."""
    paths = (path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): path.read_bytes() for path in paths}
