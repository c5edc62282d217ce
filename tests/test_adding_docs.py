"""The examples of docs/adding.md work as they are printed, as plug-ins of another package."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

TEXT = (Path(__file__).parents[1] / "docs" / "adding.md").read_text(encoding="utf-8")
EXAMPLES = dict(
    re.findall(r"`src/penstock/(\S+)\.py`, complete:\n\n```python\n(.*?)```", TEXT, re.DOTALL)
)
GROUPS = {
    "tasks/snli": "penstock.tasks",
    "steps/rows/lowercase": "penstock.steps",
    "steps/dataset/longest": "penstock.steps",
    "checks/csv": "penstock.checks",
}
OBJECTS = {"penstock.tasks": "TASK", "penstock.steps": "STEP", "penstock.checks": "CHECK"}


@pytest.fixture
def plugins(tmp_path: Path) -> dict[str, str]:
    """An environment in which every example is registered as an entry point."""
    site = tmp_path / "site"
    metadata = site / "examples-1.dist-info"
    metadata.mkdir(parents=True)
    metadata.joinpath("METADATA").write_text("Name: examples\nVersion: 1\n")
    lines = []
    for path, group in GROUPS.items():
        name = path.rpartition("/")[2]
        (site / f"example_{name}.py").write_text(EXAMPLES[path], encoding="utf-8")
        lines += [f"[{group}]", f"{name} = example_{name}:{OBJECTS[group]}"]
    metadata.joinpath("entry_points.txt").write_text("\n".join(lines))
    inherited = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(site), inherited]))}


def run(plugins: dict[str, str], directory: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "penstock", *arguments],
        cwd=directory,
        env=plugins,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    return done.stdout + done.stderr


def test_every_kind_has_an_example() -> None:
    assert EXAMPLES.keys() == GROUPS.keys()


def test_the_steps_run_and_report(tmp_path: Path, plugins: dict[str, str]) -> None:
    rows = [{"text": "A" * length} for length in (3, 9, 5, 7)]
    (tmp_path / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    (tmp_path / "recipe.yaml").write_text(
        "source: {kind: jsonl, path: rows.jsonl}\n"
        "steps: [lowercase, longest: {count: 2}]\n"
        "format: jsonl\noutput: out\n"
    )
    printed = json.loads(run(plugins, tmp_path, "build", "recipe.yaml", "--format", "json"))
    assert [(step["name"], step["kept"], step["dropped"]) for step in printed["steps"]] == [
        ("read", 4, {}),
        ("lowercase", 4, {}),
        ("longest", 2, {"shorter": 2}),
    ]
    lines = (tmp_path / "out" / "train.jsonl").read_text().splitlines()
    assert [json.loads(line)["text"] for line in lines] == ["a" * 9, "a" * 7]


def test_the_check_finds_what_it_says(tmp_path: Path, plugins: dict[str, str]) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "empty.csv").write_text("")
    printed = run(plugins, tmp_path, "check", "data")
    assert "error csv-empty data/empty.csv" in printed
    assert "add a header" in printed


def test_the_task_is_checked(tmp_path: Path, plugins: dict[str, str]) -> None:
    directory = tmp_path / "SNLI"
    directory.mkdir()
    row = {"premise": "A dog runs.", "hypothesis": "An animal moves.", "idx": 0, "label": 0}
    for split in ("train", "validation"):
        (directory / f"snli_{split}.jsonl").write_text(json.dumps(row | {"label": 7}) + "\n")
    printed = run(plugins, tmp_path, "check", "SNLI")
    assert "snli_train.jsonl:1" in printed
    assert "label" in printed
