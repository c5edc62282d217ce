"""A dataset is done if its recipe, inputs and output version are the same; nothing else matters."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field

import penstock
from helpers.recipe_worlds import rows, write_jsonl
from penstock.errors import ConflictError, DataError
from penstock.manifest import MANIFEST_NAME
from penstock.recipes import plan as planning
from penstock.steps.rows import filter as filter_module

Recipe = Callable[..., Path]
FILTER: list[Any] = [{"filter": {"min_characters": 1}}]


@pytest.fixture
def text_recipe(recipe: Recipe) -> Recipe:
    """A recipe of rows of text with a filter."""
    return lambda **changes: recipe(**{"steps": FILTER, "format": "jsonl", **changes})


def change_manifest(tmp_path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    path = tmp_path / "dataset" / MANIFEST_NAME
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))


def test_other_versions_of_penstock_and_libraries_change_nothing(
    text_recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    penstock.build(text_recipe())
    monkeypatch.setattr(planning, "code_hash", lambda: "another")
    monkeypatch.setattr(planning, "__version__", "99")
    assert not penstock.build(text_recipe()).fresh


def test_a_setting_that_was_added_with_a_default_changes_nothing(
    text_recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    penstock.build(text_recipe())

    class Filter(filter_module.Filter):
        added: int = Field(3)

    monkeypatch.setattr(filter_module, "STEP", Filter)
    assert not penstock.build(text_recipe()).fresh
    with pytest.raises(ConflictError, match="built from another recipe"):
        penstock.build(text_recipe(steps=[{"filter": {"min_characters": 1, "added": 4}}]))


def test_a_dataset_of_0_1_0_stays_done_whatever_the_order_of_its_steps_was(
    text_recipe: Recipe, tmp_path: Path
) -> None:
    steps: list[Any] = [*FILTER, {"deduplicate": {}}]
    penstock.build(text_recipe(steps=steps))

    def as_written(manifest: dict[str, Any]) -> None:
        del manifest["schema_version"], manifest["steps"], manifest["recipe"]["output_version"]
        manifest["recipe"]["piece_bytes"] = manifest["recipe"].pop("input_split_bytes")
        manifest["recipe"]["key"] = "0" * 64
        manifest["recipe"]["steps"].reverse()

    change_manifest(tmp_path, as_written)
    assert not penstock.build(text_recipe(steps=steps)).fresh


@pytest.mark.parametrize(
    ("changes", "different"),
    [
        ({"seed": 1}, "another recipe"),
        ({"steps": [{"filter": {"min_characters": 2}}]}, "another recipe"),
        ({"format": {"kind": "jsonl", "rows_per_shard": 10}}, "another recipe"),
    ],
)
def test_another_setting_is_a_conflict(
    text_recipe: Recipe, changes: dict[str, Any], different: str
) -> None:
    penstock.build(text_recipe())
    with pytest.raises(ConflictError, match=f"exists, built from {different}; remove it"):
        penstock.build(text_recipe(**changes))


def test_another_input_is_a_conflict(text_recipe: Recipe, source: Path) -> None:
    penstock.build(text_recipe())
    write_jsonl(source, rows(150))
    with pytest.raises(ConflictError, match="exists, built from other inputs"):
        penstock.build(text_recipe())


def test_another_output_version_is_a_conflict(text_recipe: Recipe, tmp_path: Path) -> None:
    penstock.build(text_recipe())
    change_manifest(tmp_path, lambda m: m["recipe"].update(output_version=0))
    with pytest.raises(ConflictError, match="exists, built from output version 0"):
        penstock.build(text_recipe())


def test_partial_outputs_of_other_code_are_not_used(
    text_recipe: Recipe, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_jsonl(source, [*rows(200), "{"])
    with pytest.raises(DataError):
        penstock.build(text_recipe(), workers=1)
    assert penstock.load_recipe(text_recipe()).finished
    monkeypatch.setattr(planning, "code_hash", lambda: "another")
    assert not penstock.load_recipe(text_recipe()).finished
