"""A recipe and its input decide every byte, on any number of workers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

import penstock
from helpers.recipe_worlds import files_of, rows
from penstock.errors import ConflictError
from penstock.formats import FORMATS
from penstock.manifest import BuildRecipe, read_manifest

Recipe = Callable[..., Path]


def expected_ids(tokenizer: Path) -> list[list[int]]:
    reference = Tokenizer.from_file(str(tokenizer / "tokenizer.json"))
    eod = reference.token_to_id("<|endoftext|>")
    return [[*reference.encode(row["text"]).ids, eod] for row in rows(200)]


def documents_of(path: Path, split: str = "train") -> list[list[int]]:
    dataset = FORMATS.get("megatron").open(path)
    return [row.columns["inputs"].tolist() for row in dataset.rows(split)]


def test_every_document_is_there_in_order_token_for_token(
    recipe: Recipe, tiny_tokenizer: Path
) -> None:
    built = penstock.build(recipe(), workers=2)
    assert documents_of(built.path) == expected_ids(tiny_tokenizer)


@pytest.mark.parametrize("steps", ["unpacked", "packed and split"])
def test_the_number_of_workers_changes_no_byte(
    recipe: Recipe, tiny_tokenizer: Path, tmp_path: Path, steps: str
) -> None:
    tokenize = {"tokenize": {"tokenizer": str(tiny_tokenizer)}}
    chosen = {
        "unpacked": [tokenize],
        "packed and split": [
            {"partition": {"key": "patient", "validation": 0.4}},
            tokenize,
            {"split": {"context": 16}},
            "deduplicate",
            {"pack": {"context": 64}},
        ],
    }[steps]
    made = []
    for workers in (1, 2, 3):
        path = recipe(steps=chosen)
        penstock.build(path, workers=workers)
        made.append(files_of(tmp_path / "dataset"))
        (tmp_path / "dataset").rename(tmp_path / f"dataset{workers}")
    assert made[0] == made[1] == made[2]
    assert "penstock.json" in made[0]


def test_the_same_build_again_changes_nothing(recipe: Recipe, tmp_path: Path) -> None:
    assert penstock.build(recipe()).fresh
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "dataset").iterdir()}
    assert not penstock.build(recipe()).fresh
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "dataset").iterdir()} == before


def test_another_recipe_never_writes_over_a_dataset(recipe: Recipe, tmp_path: Path) -> None:
    penstock.build(recipe())
    before = files_of(tmp_path / "dataset")
    with pytest.raises(ConflictError, match="exists, built from another recipe; remove it"):
        penstock.build(recipe(), ["seed=1"])
    assert files_of(tmp_path / "dataset") == before


def test_nothing_but_the_dataset_is_left(recipe: Recipe, tmp_path: Path) -> None:
    penstock.build(recipe())
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "dataset",
        "recipe.yaml",
        "rows.jsonl",
    ]


def test_the_manifest_names_files_counts_tokenizer_recipe_and_inputs(
    recipe: Recipe, source: Path, tmp_path: Path, tiny_tokenizer: Path
) -> None:
    built = penstock.build(recipe())
    manifest = read_manifest(built.path)
    assert manifest is not None
    assert isinstance(manifest.recipe, BuildRecipe)
    assert manifest.mismatches(built.path) == []
    tokens = sum(map(len, expected_ids(tiny_tokenizer)))
    assert manifest.report("read").kept == manifest.counts["train.rows"] == 200
    assert manifest.counts["train.tokens"] == tokens
    assert manifest.tokenizer is not None
    assert manifest.tokenizer["eod_id"] == 0
    files = [source, tiny_tokenizer / "tokenizer.json", tiny_tokenizer / "tokenizer_config.json"]
    assert [entry.path for entry in manifest.inputs] == [str(path.resolve()) for path in files]
    assert manifest.recipe.steps[0]["tokenize"]["append_eod"] is True
    assert manifest.recipe.input_split_bytes == 2000


def test_no_key_stands_on_both_sides_of_a_partition(
    recipe: Recipe, tiny_tokenizer: Path, tmp_path: Path
) -> None:
    steps = [
        {"partition": {"key": "patient", "validation": 0.4}},
        {"metadata": {"template": "{patient} "}},
        {"tokenize": {"tokenizer": str(tiny_tokenizer)}},
    ]
    built = penstock.build(recipe(steps=steps))
    reader = Tokenizer.from_file(str(tiny_tokenizer / "tokenizer.json"))
    patients = {
        split: {reader.decode(ids).split()[0] for ids in documents_of(built.path, split)}
        for split in ("train", "validation")
    }
    assert patients["train"] | patients["validation"] == {f"p{n}" for n in range(7)}
    assert patients["train"] & patients["validation"] == set()


def test_packed_rows_hold_every_token_once(recipe: Recipe, tiny_tokenizer: Path) -> None:
    tokenize = {"tokenize": {"tokenizer": str(tiny_tokenizer), "append_eod": True}}
    built = penstock.build(recipe(steps=[tokenize, {"pack": {"context": 128}}]))
    packed = documents_of(built.path)
    assert max(map(len, packed)) <= 128
    flat = np.sort(np.concatenate(packed))
    assert np.array_equal(flat, np.sort(np.concatenate(expected_ids(tiny_tokenizer))))


def test_rows_of_text_come_out_as_json_lines(recipe: Recipe, tmp_path: Path) -> None:
    steps = [{"filter": {"where": "id >= 150", "max_dropped": 0.9}}]
    built = penstock.build(recipe(steps=steps, format="jsonl"))
    lines = (built.path / "train.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [r for r in rows(200) if r["id"] >= 150]


def test_rows_that_lie_in_their_order_fill_every_shard_once(recipe: Recipe) -> None:
    built = penstock.build(recipe(steps=[], format={"kind": "jsonl", "rows_per_shard": 30}))
    shards = sorted(built.path.glob("train-*.jsonl"))
    assert len(shards) == 7
    lines = [json.loads(line) for path in shards for line in path.read_text().splitlines()]
    assert lines == rows(200)


def test_a_tokenizer_that_changed_makes_another_dataset(
    recipe: Recipe, tiny_tokenizer: Path, tmp_path: Path
) -> None:
    tokenizer = tmp_path / "tokenizer"
    shutil.copytree(tiny_tokenizer, tokenizer)
    path = recipe(steps=[{"tokenize": {"tokenizer": str(tokenizer)}}])
    penstock.build(path)
    (tokenizer / "tokenizer_config.json").write_text("{}")
    with pytest.raises(ConflictError, match="built from other inputs"):
        penstock.build(path)


def test_a_dataset_that_lost_a_file_is_not_taken_for_built(recipe: Recipe) -> None:
    built = penstock.build(recipe())
    next(built.path.glob("*.idx")).unlink()
    with pytest.raises(ConflictError, match=r"document\.idx differs from its manifest"):
        penstock.build(recipe())


def test_sources_are_mixed_by_their_weights(
    recipe: Recipe, source: Path, tiny_tokenizer: Path
) -> None:
    one = {"kind": "jsonl", "path": str(source)}
    steps = [
        {"tokenize": {"tokenizer": str(tiny_tokenizer)}},
        {"mix": {"weights": {"finetune": 0.75, "replay": 0.25}, "stop": "first_exhausted"}},
    ]
    path = recipe(sources={"finetune": one, "replay": one}, source=None, steps=steps)
    built = penstock.build(path)
    counts = built.manifest.counts
    assert built.manifest.report("read").kept == 400
    assert 250 < counts["train.rows"] < 290
