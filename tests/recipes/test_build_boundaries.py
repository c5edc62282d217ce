"""Builds do not reach beyond their place, nor take what is not theirs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import penstock
from helpers.recipe_worlds import files_of, rows, write_jsonl
from penstock.errors import ConfigError, ConflictError, DataError
from penstock.executors import LocalExecutor
from penstock.recipes import execute, load_tokenize

Recipe = Callable[..., Path]


@pytest.mark.parametrize("name", ["../victim", "a/b", "..", ""])
def test_a_name_is_no_path(recipe: Recipe, name: str) -> None:
    with pytest.raises(ConfigError, match="name: must be the name of a file or directory"):
        penstock.load_recipe(recipe(name=name))


def test_the_name_of_a_source_is_no_path(recipe: Recipe, source: Path) -> None:
    sources = {"../../evil": {"kind": "jsonl", "path": str(source)}}
    with pytest.raises(ConfigError, match="must be the name of a file or directory"):
        penstock.load_recipe(recipe(source=None, sources=sources))


def test_files_that_do_not_begin_with_the_prefix_are_refused(
    recipe: Recipe, source: Path, tmp_path: Path
) -> None:
    source.rename(tmp_path / "train.jsonl")
    given = {"kind": "jsonl", "path": str(tmp_path / "train.jsonl")}
    path = recipe(
        source=given, steps=[], format="jsonl", output=str(tmp_path / "notes"), as_prefix=True
    )
    before = files_of(tmp_path)
    with pytest.raises(ConfigError, match=r"would write train\.jsonl"):
        penstock.build(path)
    assert before.items() <= files_of(tmp_path).items()


@pytest.mark.parametrize("prefix", ["p", "p[1]", "p*"])
def test_files_of_a_prefix_that_stand_are_left_alone(
    source: Path, tmp_path: Path, tiny_tokenizer: Path, prefix: str
) -> None:
    standing = tmp_path / f"{prefix}_text_document.bin"
    standing.write_bytes(b"mine")
    with pytest.raises(ConflictError, match="exists and is not a dataset"):
        load_tokenize([str(source)], tiny_tokenizer, tmp_path / prefix)
    assert standing.read_bytes() == b"mine"


def test_a_dataset_that_came_to_stand_after_the_plan_is_left_alone(
    recipe: Recipe, tmp_path: Path
) -> None:
    plan = penstock.load_recipe(recipe())
    penstock.build(recipe(), ["seed=1"])
    before = files_of(tmp_path / "dataset")
    with pytest.raises(ConflictError, match="built from another recipe"):
        execute(plan, LocalExecutor(workers=1))
    assert files_of(tmp_path / "dataset") == before
    assert not (tmp_path / ".dataset.partial").exists()


def test_a_plan_that_another_process_has_carried_out_is_done(recipe: Recipe) -> None:
    plan = penstock.load_recipe(recipe())
    penstock.build(recipe())
    assert not execute(plan, LocalExecutor(workers=1)).fresh


def test_a_file_that_comes_to_fit_the_pattern_ends_the_build(
    recipe: Recipe, source: Path, tmp_path: Path
) -> None:
    path = recipe(source={"kind": "jsonl", "path": str(tmp_path / "*.jsonl")})
    plan = penstock.load_recipe(path)
    write_jsonl(tmp_path / "late.jsonl", rows(3))
    with pytest.raises(DataError, match=r"late\.jsonl: appeared while the others were read"):
        execute(plan, LocalExecutor(workers=1))


def test_a_touched_input_is_still_the_same(recipe: Recipe, source: Path) -> None:
    built = penstock.build(recipe())
    os.utime(source, (1, 1))
    again = penstock.build(recipe())
    assert not again.fresh
    assert again.manifest == built.manifest


def test_the_output_may_not_lie_in_a_dataset_that_is_read(recipe: Recipe, tmp_path: Path) -> None:
    built = penstock.build(recipe())
    inside = recipe(
        source={"kind": "dataset", "path": str(built.path)},
        steps=[],
        output=str(built.path / "new"),
    )
    with pytest.raises(ConfigError, match="is inside the input"):
        penstock.load_recipe(inside)


def test_a_split_that_loses_all_its_rows_ends_the_build(
    recipe: Recipe, tmp_path: Path, tiny_tokenizer: Path
) -> None:
    # The same documents twice: all of the second patient's are dropped.
    doubled = [{**row, "patient": who} for who in ("first", "second") for row in rows(40)]
    source = write_jsonl(tmp_path / "doubled.jsonl", doubled)
    for salt in map(str, range(50)):
        path = recipe(
            source={"kind": "jsonl", "path": str(source)},
            steps=[
                {"partition": {"key": "patient", "validation": 0.5, "salt": salt}},
                {"tokenize": {"tokenizer": str(tiny_tokenizer)}},
                "deduplicate",
            ],
        )
        try:
            penstock.build(path)
        except DataError as error:
            if "left in validation" in str(error) or "left in train" in str(error):
                return
    pytest.fail("no salt parted the two patients")


def test_the_manifest_names_what_a_recipe_calls_confidential(recipe: Recipe) -> None:
    built = penstock.build(recipe(redact=True))
    manifest: dict[str, Any] = json.loads((built.path / "penstock.json").read_bytes())
    assert manifest["recipe"]["redact"] is True


def test_more_sources_than_a_byte_can_number_are_refused(recipe: Recipe, source: Path) -> None:
    sources = {f"s{n}": {"kind": "jsonl", "path": str(source)} for n in range(256)}
    with pytest.raises(ConfigError, match="255"):
        penstock.load_recipe(recipe(source=None, sources=sources))


def test_the_inputs_of_a_dataset_that_stands_are_hashed_once(
    recipe: Recipe, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    penstock.build(recipe())
    hashed: list[str] = []
    from penstock.recipes import plan as planning

    describe = planning.describe_input
    monkeypatch.setattr(planning, "describe_input", lambda p: (hashed.append(p), describe(p))[1])
    assert not penstock.build(recipe()).fresh
    assert hashed.count(str(source)) == 1


def test_a_dataset_that_went_after_the_plan_is_built(recipe: Recipe, tmp_path: Path) -> None:
    penstock.build(recipe())
    plan = penstock.load_recipe(recipe())
    assert plan.done
    (tmp_path / "dataset").rename(tmp_path / "elsewhere")
    assert execute(plan, LocalExecutor(workers=1)).fresh
