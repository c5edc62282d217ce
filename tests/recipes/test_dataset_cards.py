"""The reports of a build: by step, by split, and the dataset card."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

import penstock
from helpers.command import penstock as run_penstock
from helpers.recipe_worlds import files_of, write_jsonl, write_recipe
from penstock.errors import ConfigError
from penstock.manifest import Manifest, read_manifest
from penstock.recipes import summary_tables

SCRIPT = ("-m", "helpers.killed_builds")
SIDES = ["source", "target"]
STEPS: list[Any] = [
    "pairs",
    {"filter_pairs": {"max_length_ratio": 3, "name": "ratio"}},
    {"filter_pairs": {"min_edit": 0.2}},
    {"deduplicate": {"on": SIDES}},
    {"components": {"validation": 0.2}},
    "statistics",
]


def pairs(count: int, word: str) -> list[dict[str, Any]]:
    """Return pairs that share no sentence: one in ten alike, one in ten too long, one repeated."""
    made = []
    for number in range(count):
        source, target = f"{word} {number} falls", f"{word} {number} rises"
        if number % 10 == 3:
            target = source.upper()
        if number % 10 == 6:
            target = f"{source} {'again ' * 20}"
        made.append({"source": source, "target": target})
    return [*made, made[0]]


@pytest.fixture
def sources(tmp_path: Path) -> dict[str, Any]:
    """Two sources of pairs."""
    return {
        word: {
            "kind": "jsonl",
            "path": str(write_jsonl(tmp_path / f"{word}.jsonl", pairs(count, word))),
            "text": None,
        }
        for word, count in (("water", 60), ("snow", 40))
    }


def build(directory: Path, sources: dict[str, Any], **changes: Any) -> Path:
    settings = {"sources": sources, "steps": STEPS, "format": "jsonl", "card": True}
    settings |= {"output": str(directory / "dataset"), **changes}
    return write_recipe(directory / "recipe.yaml", **settings)


def manifest_of(recipe: Path) -> Manifest:
    return penstock.build(recipe, workers=2).manifest


def test_each_step_reports_what_it_kept_and_dropped_in_order(
    tmp_path: Path, sources: dict[str, Any]
) -> None:
    reports = manifest_of(build(tmp_path, sources)).steps
    assert [(report.name, report.kept, report.dropped) for report in reports] == [
        ("read", 102, {}),
        ("pairs", 102, {}),
        ("filter_pairs.ratio", 82, {"identical": 10, "length_ratio": 10}),
        ("filter_pairs", 82, {}),
        ("deduplicate", 80, {"repeated": 2}),
        ("components", 80, {}),
        ("statistics", 80, {}),
    ]
    assert reports[2].dropped_share == pytest.approx(20 / 102)
    for before, after in pairwise(reports):
        assert after.kept + after.total_dropped == before.kept


def test_unusable_rows_are_reported_by_the_step_that_could_not_use_them(
    tmp_path: Path, sources: dict[str, Any]
) -> None:
    with (tmp_path / "snow.jsonl").open("a") as out:
        out.write('{broken\n{"source": "no target"}\n')
    manifest = manifest_of(build(tmp_path, sources, on_error="skip"))
    read, pairs_report, *_ = manifest.steps
    assert (read.kept, read.dropped) == (103, {"unusable": 1})
    assert (pairs_report.kept, pairs_report.dropped) == (102, {"unusable": 1})
    assert manifest.skipped_rows == 2
    card = (tmp_path / "dataset" / "README.md").read_text()
    assert "| snow.jsonl | 42 | column 2: not JSON" in card


def test_the_last_step_keeps_the_rows_of_the_files(tmp_path: Path, sources: dict[str, Any]) -> None:
    manifest = manifest_of(build(tmp_path, sources))
    kept = [report.kept for report in manifest.steps]
    rows = sum(entry.rows or 0 for entry in manifest.files)
    measured = [g for g in manifest.statistics["groups"] if g["source"] is not None]
    assert kept[-1] == rows == sum(group["rows"] for group in measured)


def test_sources_have_their_shares_of_a_split(tmp_path: Path, sources: dict[str, Any]) -> None:
    chat = {"chat": {"user": "{source}", "assistant": "{target}", "directions": "both"}}
    form = {"kind": "chat", "parts": {"wet": ["water"], "white": ["snow"]}}
    manifest = manifest_of(
        build(tmp_path, sources, steps=[*STEPS[:3], chat, *STEPS[3:]], format=form)
    )
    rows = {row[0]: row for row in summary_tables(manifest)[1].rows}
    whole = manifest.counts["train.rows"]
    assert rows["wet_train"][:3] == [
        "wet_train",
        str(manifest.counts["wet_train.rows"]),
        f"{100 * manifest.counts['wet_train.rows'] / whole:.1f} %",
    ]
    assert rows["joined (train)"][1] == str(whole)
    by_source = {
        g["source"]: g["rows"] for g in manifest.statistics["groups"] if g["split"] == "train"
    }
    assert 2 * by_source["water"] == manifest.counts["wet_train.rows"]
    assert by_source[None] == by_source["water"] + by_source["snow"]


def test_the_card_is_a_file_of_the_dataset(tmp_path: Path, sources: dict[str, Any]) -> None:
    manifest = manifest_of(build(tmp_path, sources))
    assert "README.md" in [entry.path for entry in manifest.files]
    assert list(manifest.mismatches(tmp_path / "dataset")) == []
    assert run_penstock("check", "dataset", cwd=tmp_path).returncode == 0
    assert penstock.show(tmp_path / "dataset").splits.keys() == {"train", "validation"}


def test_the_card_begins_with_what_the_hub_reads(tmp_path: Path, sources: dict[str, Any]) -> None:
    card = {"language": ["en"], "license": "apache-2.0"}
    manifest_of(build(tmp_path, sources, card=card, name="weather"))
    _, front, body = (tmp_path / "dataset" / "README.md").read_text().split("---\n", 2)
    assert yaml.safe_load(front) == {
        "pretty_name": "weather",
        "language": ["en"],
        "license": "apache-2.0",
        "size_categories": ["n<1K"],
        "configs": [
            {
                "config_name": "default",
                "data_files": [
                    {"split": "train", "path": "train.jsonl"},
                    {"split": "validation", "path": "validation.jsonl"},
                ],
            }
        ],
    }
    assert body.startswith("\n# weather\n")
    assert "rows with a common sentence are in the same split" in body
    assert "components:\n  validation: 0.2\n" in body.split("## Steps")[0]
    recipe = yaml.safe_load(body.split("```yaml\n")[2].split("```")[0])
    assert recipe["steps"] == [*STEPS[:-2], {"components": {"validation": 0.2}}, "statistics"]


def test_the_card_names_no_place_of_the_machine(tmp_path: Path, sources: dict[str, Any]) -> None:
    manifest_of(build(tmp_path, sources))
    card = (tmp_path / "dataset" / "README.md").read_text()
    assert str(tmp_path) not in card
    assert "| water.jsonl |" in card


def test_files_of_several_places_are_called_by_as_little_as_tells_them_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sources = {}
    for place in ("here/a", "here/b", str(tmp_path / "far")):
        Path(place).mkdir(parents=True)
        empty = {"source": " ", "target": "is empty"}
        path = write_jsonl(Path(place) / "rows.jsonl", [*pairs(20, place[-1]), empty])
        sources[f"of_{place[-1]}"] = {"kind": "jsonl", "path": str(path), "text": None}
    steps: list[Any] = [{"pairs": {"empty": "drop"}}]
    manifest_of(build(tmp_path, sources, steps=steps))
    card = (tmp_path / "dataset" / "README.md").read_text()
    assert str(tmp_path) not in card
    assert all(f"| {place}/rows.jsonl | 22 |" in card for place in ("a", "b", "far"))


def test_a_secret_of_the_recipe_does_not_stand_in_the_card(
    tmp_path: Path, sources: dict[str, Any]
) -> None:
    manifest_of(build(tmp_path, sources, description="api_key=sk-ant-REDACTED"))
    assert "sk-ant" not in (tmp_path / "dataset" / "README.md").read_text()


def test_the_card_is_the_same_wherever_and_however_it_is_built(tmp_path: Path) -> None:
    cards = []
    for workers, folder in ((1, "a"), (3, "b")):
        home = tmp_path / folder
        home.mkdir()
        found = {
            "water": {
                "kind": "jsonl",
                "path": str(write_jsonl(home / "water.jsonl", pairs(60, "water"))),
                "text": None,
            }
        }
        recipe = build(home, found, input_split_bytes=500)
        penstock.build(recipe, workers=workers)
        cards.append((home / "dataset" / "README.md").read_bytes())
    assert cards[0] == cards[1]


def test_a_card_needs_a_directory(tmp_path: Path, sources: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="a card needs a directory; remove `card` or `as_prefix`"):
        penstock.load_recipe(build(tmp_path, sources, as_prefix=True))


def test_without_the_setting_there_is_no_card(tmp_path: Path, sources: dict[str, Any]) -> None:
    manifest_of(build(tmp_path, sources, card=False))
    assert not (tmp_path / "dataset" / "README.md").exists()


@pytest.mark.slow
def test_a_build_that_is_killed_goes_on_to_the_same_card(
    tmp_path: Path, sources: dict[str, Any]
) -> None:
    recipe = build(tmp_path, sources, input_split_bytes=4000)
    subprocess.run([sys.executable, *SCRIPT, recipe, tmp_path / "killed"], check=True, timeout=300)
    found = [files_of(place / "dataset") for place in sorted((tmp_path / "killed").iterdir())]
    assert len(found) > 15
    assert all(files.keys() == found[0].keys() for files in found)
    assert all(files["README.md"] == found[0]["README.md"] for files in found)


def test_people_see_tables_and_programs_every_count(
    tmp_path: Path, sources: dict[str, Any]
) -> None:
    recipe = build(tmp_path, sources)
    shown = run_penstock("build", str(recipe), cwd=tmp_path).stdout
    assert "filter_pairs.ratio" in shown
    assert "19.6 %" in shown
    assert "source words" in shown
    printed = run_penstock("build", str(recipe), "--format", "json", cwd=tmp_path)
    document = json.loads(printed.stdout)
    manifest = read_manifest(tmp_path / "dataset")
    assert manifest is not None
    assert document["counts"] == manifest.counts
    assert [step["name"] for step in document["steps"]] == [r.name for r in manifest.steps]
    assert document["statistics"] == manifest.statistics
