"""Small trees of task data for the migration tests, and functions that inspect a tree."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from penstock.formats import find_task_directories, open_task_directory
from penstock.manifest import read_manifest

VERSIONS = ("version_1", "version_5-discard", "version_9-2", "version_13-1", "version_13-2")


def copa_rows(count: int, words: str) -> list[dict[str, Any]]:
    return [
        {
            "premise": f"The lamp was lit in the {words} hall, number {index}.",
            "choice1": "It was dark.",
            "choice2": "It was noon.",
            "question": "cause",
            "idx": index,
            "label": index % 2,
        }
        for index in range(count)
    ]


def cb_rows(count: int, words: str) -> list[dict[str, Any]]:
    return [
        {
            "premise": f"They said the {words} bridge had fallen, number {index}.",
            "hypothesis": "The bridge had fallen.",
            "idx": index,
            "label": index % 3,
        }
        for index in range(count)
    ]


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def write_old_tree(root: Path) -> Path:
    """Write Copa with five versions, CB with one, and files that are not data."""
    copa, cb = root / "Copa", root / "CB"
    write_rows(copa / "copa_train.jsonl", copa_rows(8, "base"))
    write_rows(copa / "copa_validation.jsonl", copa_rows(4, "validation"))
    write_rows(copa / "copa_test.jsonl", copa_rows(3, "test"))
    for version in VERSIONS:
        write_rows(copa / "mezo_gpt" / version / "copa_train.jsonl", copa_rows(8, version))
    write_rows(cb / "cb_train.jsonl", cb_rows(6, "base"))
    write_rows(cb / "cb_validation.jsonl", cb_rows(3, "validation"))
    write_rows(cb / "lora" / "cb_train.jsonl", cb_rows(6, "lora"))
    (copa / "notes.txt").write_text("a note\n")
    (root / "scripts").mkdir()
    (root / "scripts" / "run.sh").write_text("echo run\n")
    return root


def snapshot(root: Path) -> dict[str, tuple[Any, ...]]:
    """Return kind, mode, time and content of every path of a tree: any change shows."""
    return {str(path.relative_to(root)): _state(path) for path in (root, *root.rglob("*"))}


def contents(root: Path) -> dict[str, Any]:
    """Return the content hash or link text of every path: equal for two equal trees."""
    return {name: state[3] for name, state in snapshot(root).items()}


def _state(path: Path) -> tuple[Any, ...]:
    status = path.lstat()
    if path.is_symlink():
        return "link", status.st_mode, status.st_mtime_ns, str(path.readlink())
    if path.is_file():
        content = sha256(path.read_bytes()).hexdigest()
        return "file", status.st_mode, status.st_mtime_ns, content
    return "directory", status.st_mode, status.st_mtime_ns, None


def first_word(path: Path) -> str:
    """Return the word in the first row that identifies the source of a generated file."""
    return str(json.loads(path.read_text().splitlines()[0])["premise"]).split(" the ")[1].split()[0]


def load_datasets(root: Path) -> Iterator[Path]:
    """Load every dataset below `root`, compare it with its manifest, and yield its path."""
    for dataset in find_task_directories(root):
        assert read_manifest(dataset.path) is not None, f"{dataset.path} has no manifest"
        manifest = open_task_directory(dataset.path).manifest()
        for split, rows in manifest.counts.items():
            assert len(dataset.rows(split)) == rows
        yield dataset.path
