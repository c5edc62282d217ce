"""`penstock build`, `tokenize` and `merge` as a user types them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from helpers.command import penstock
from helpers.recipe_worlds import rows, write_jsonl
from penstock.formats import FORMATS
from penstock.manifest import read_manifest

Recipe = Callable[..., Path]


def tokenize(source: Path, tokenizer: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return penstock(
        "tokenize",
        source.name,
        "--tokenizer",
        str(tokenizer),
        "--output-prefix",
        "out/a",
        *options,
        cwd=source.parent,
    )


def test_tokenize_writes_the_pair_and_its_manifest(source: Path, tiny_tokenizer: Path) -> None:
    done = tokenize(source, tiny_tokenizer, "--append-eod", "--workers", "2", "--format", "json")
    assert (done.returncode, done.stderr) == (0, "")
    printed = json.loads(done.stdout)
    assert printed["counts"]["train.rows"] == 200
    assert [(step["name"], step["kept"]) for step in printed["steps"]] == [
        ("read", 200),
        ("tokenize", 200),
    ]
    assert sorted(path.name for path in (source.parent / "out").iterdir()) == [
        "a_text_document.bin",
        "a_text_document.idx",
        "a_text_document.penstock.json",
    ]
    manifest = read_manifest(source.parent / "out" / "a_text_document")
    assert manifest is not None
    assert manifest.tokenizer is not None
    assert manifest.tokenizer["engine"] == "fastokens"


def test_the_same_command_again_changes_nothing(source: Path, tiny_tokenizer: Path) -> None:
    assert tokenize(source, tiny_tokenizer).returncode == 0
    again = tokenize(source, tiny_tokenizer)
    assert again.returncode == 0
    assert "already built" in again.stdout
    other = tokenize(source, tiny_tokenizer, "--append-eod")
    assert other.returncode == 2
    assert "exists, built from another recipe" in other.stderr


def test_each_json_key_is_a_dataset(tmp_path: Path, tiny_tokenizer: Path) -> None:
    source = write_jsonl(tmp_path / "rows.jsonl", [{"text": "the water", "title": "a wheel"}] * 3)
    done = tokenize(source, tiny_tokenizer, "--json-keys", "text", "--json-keys", "title")
    assert done.returncode == 0
    assert (tmp_path / "out" / "a_title_document.idx").is_file()


def test_options_that_preprocess_data_needs_are_taken_and_said_to_be_needless(
    source: Path, tiny_tokenizer: Path
) -> None:
    done = tokenize(source, tiny_tokenizer, "--partitions", "2", "--keep-sequential-samples")
    assert done.returncode == 0
    assert "the order of its rows is always kept" in done.stderr


def test_rows_are_skipped_on_demand(source: Path, tiny_tokenizer: Path) -> None:
    write_jsonl(source, [*rows(20), *["{"] * 7])
    assert tokenize(source, tiny_tokenizer).returncode == 2
    done = tokenize(source, tiny_tokenizer, "--on-error", "skip", "--max-errors", "7")
    assert done.returncode == 0
    assert "rows.jsonl:21" in done.stdout
    assert "2 more rows" in done.stdout


def test_what_tokenize_cannot_do_is_said_in_its_own_words(
    source: Path, tiny_tokenizer: Path
) -> None:
    done = tokenize(source, tiny_tokenizer, "--specials", "letters")
    assert done.returncode == 2
    assert (
        "penstock tokenize: steps.0.tokenize.specials: must be 'parse' or 'as_text'" in done.stderr
    )
    twice = penstock(
        "tokenize",
        source.name,
        f"./{source.name}",
        "--tokenizer",
        str(tiny_tokenizer),
        "--output-prefix",
        "out/a",
        cwd=source.parent,
    )
    assert twice.returncode == 2
    assert "is named twice" in twice.stderr
    blocked = penstock(
        "tokenize",
        source.name,
        "--tokenizer",
        str(tiny_tokenizer),
        "--output-prefix",
        f"{source.name}/a",
        cwd=source.parent,
    )
    assert blocked.returncode == 2
    assert "cannot be written" in blocked.stderr


@pytest.mark.parametrize("form", ["human", "json", "jsonl", "csv"])
def test_a_dry_run_writes_nothing_under_any_format(
    recipe: Recipe, tmp_path: Path, form: str
) -> None:
    done = penstock("build", str(recipe()), "--dry-run", "--format", form, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "megatron" in done.stdout
    assert not (tmp_path / "dataset").exists()
    assert not (tmp_path / ".dataset.partial").exists()


def test_an_estimate_of_all_the_input_is_exact(recipe: Recipe, tmp_path: Path) -> None:
    path = recipe(input_split_bytes=1 << 20)
    done = penstock("build", str(path), "--dry-run", "--format", "json", cwd=tmp_path)
    expected = json.loads(done.stdout)["estimate"]
    built = penstock("build", str(path), "--format", "json", cwd=tmp_path)
    printed = json.loads(built.stdout)
    assert expected["exact"] is True
    assert expected["documents"] == printed["counts"]["train.rows"]
    assert expected["tokens"] == printed["counts"]["train.tokens"]
    assert expected["bytes"] == printed["bytes"]


def test_an_estimate_of_a_part_is_near_and_says_so(
    recipe: Recipe, tmp_path: Path, tiny_tokenizer: Path
) -> None:
    source = write_jsonl(tmp_path / "many.jsonl", rows(60_000))
    path = recipe(source={"kind": "jsonl", "path": str(source)})
    done = penstock("build", str(path), "--dry-run", "--format", "json", cwd=tmp_path)
    expected = json.loads(done.stdout)["estimate"]
    assert expected["exact"] is False
    assert 50_000 < expected["documents"] < 70_000


def test_merge_joins_pairs_and_names_them_in_the_manifest(recipe: Recipe, tmp_path: Path) -> None:
    for name in ("one", "two"):
        penstock("build", str(recipe()), f"output={name}", cwd=tmp_path)
    done = penstock("merge", "one", "two", "--output-prefix", "both", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    merged = FORMATS.get("megatron").open(tmp_path / "both")
    one = FORMATS.get("megatron").open(tmp_path / "one")
    parts = [row.columns["inputs"] for row in one.rows("train")]
    found = [row.columns["inputs"] for row in merged.rows("train")]
    assert all(np.array_equal(a, b) for a, b in zip(found, parts * 2, strict=True))
    assert penstock("trace", "both", cwd=tmp_path).returncode == 0
    assert penstock("check", "both", cwd=tmp_path).returncode in (0, 1)


def test_ctrl_c_ends_a_build_with_130_and_it_goes_on(recipe: Recipe, tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "many.jsonl", rows(60_000))
    path = recipe(source={"kind": "jsonl", "path": str(source)}, input_split_bytes=50_000)
    command = [sys.executable, "-m", "penstock", "build", str(path), "--workers", "2"]
    build = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    while len(list(tmp_path.glob(".dataset.partial/parts-*/*.json"))) < 3:
        assert build.poll() is None
        time.sleep(0.01)
    os.kill(build.pid, signal.SIGINT)
    _, stderr = build.communicate(timeout=60)
    assert build.returncode == 130
    assert "resume from the finished input splits" in stderr
    again = penstock("build", str(path), cwd=tmp_path)
    assert again.returncode == 0
    assert "input splits already built" in again.stderr
