"""A build that is killed at any moment leaves no half dataset, and the next one goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import penstock
from helpers.recipe_worlds import files_of, rows, write_jsonl
from penstock.errors import DataError
from penstock.manifest import MANIFEST_NAME

Recipe = Callable[..., Path]
SCRIPT = ("-m", "helpers.killed_builds")


def data_of(directory: Path) -> dict[str, Any]:
    """Return the files of a dataset, its manifest without the output that it names."""
    files: dict[str, Any] = dict(files_of(directory))
    manifest = json.loads(files[MANIFEST_NAME])
    del manifest["recipe"]["output"]
    return {**files, MANIFEST_NAME: manifest}


def killed_builds(recipe: Path, root: Path, *overrides: str) -> list[Path]:
    subprocess.run([sys.executable, *SCRIPT, recipe, root, *overrides], check=True, timeout=300)
    return sorted(root.iterdir(), key=lambda path: int(path.name))


@pytest.mark.slow
def test_a_build_killed_at_any_change_of_the_disk_goes_on_to_the_same_bytes(
    recipe: Recipe, tmp_path: Path
) -> None:
    places = killed_builds(recipe(input_split_bytes=12_000), tmp_path / "killed")
    assert len(places) > 20
    whole = data_of(places[-1] / "dataset")
    assert len(whole) == 3
    for place in places:
        standing = json.loads((place / "killed.json").read_text())
        assert standing in ([], ["dataset"])
        assert data_of(place / "dataset") == whole
        assert sorted(path.name for path in place.iterdir()) == ["dataset", "killed.json"]


@pytest.mark.slow
def test_files_with_a_prefix_have_no_manifest_until_all_are_there(
    recipe: Recipe, tmp_path: Path
) -> None:
    path = recipe(
        input_split_bytes=12_000, as_prefix=True, format={"kind": "megatron", "prefix": "a"}
    )
    for place in killed_builds(path, tmp_path / "killed", "format.prefix=dataset"):
        names = {path.name for path in place.iterdir()}
        assert f"dataset.{MANIFEST_NAME}" in names
        standing = json.loads((place / "killed.json").read_text())
        if f"dataset.{MANIFEST_NAME}" in standing:
            assert len(standing) == 3


def start(recipe: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "penstock", "build", str(recipe), "--workers", "2"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.mark.slow
def test_a_killed_build_loses_at_most_the_pieces_in_flight(recipe: Recipe, tmp_path: Path) -> None:
    source = write_jsonl(tmp_path / "many.jsonl", rows(60_000))
    path = recipe(source={"kind": "jsonl", "path": str(source)}, input_split_bytes=50_000)
    work = tmp_path / ".dataset.partial"
    build = start(path)
    while len(list(work.glob("parts-*/*.json"))) < 12:
        assert build.poll() is None
        time.sleep(0.01)
    os.kill(build.pid, signal.SIGKILL)
    build.wait()
    time.sleep(0.5)  # the workers see that their parent is gone
    assert not (tmp_path / "dataset").exists()
    made = {p: p.stat().st_mtime_ns for p in work.glob("parts-*/*.json")}
    assert len(penstock.load_recipe(path).finished) == len(made) >= 12

    again = start(path)
    while again.poll() is None:
        for report in list(made):
            try:
                assert report.stat().st_mtime_ns == made[report]
            except FileNotFoundError:  # the build is over
                del made[report]
        time.sleep(0.01)
    assert again.returncode == 0
    resumed = data_of(tmp_path / "dataset")
    (tmp_path / "dataset").rename(tmp_path / "resumed")
    penstock.build(path, workers=1)
    assert data_of(tmp_path / "dataset") == resumed


@pytest.mark.parametrize("suffix", ["ids", "npz", "json"])
def test_a_part_whose_bytes_changed_is_made_again(
    recipe: Recipe, tmp_path: Path, suffix: str
) -> None:
    path = recipe()
    whole = data_of(penstock.build(path).path)
    (tmp_path / "dataset").rename(tmp_path / "whole")
    child = os.fork()
    if child == 0:
        from helpers.killing import kill_at_change

        kill_at_change(60)
        penstock.build(path, workers=1)
        os._exit(0)
    os.waitpid(child, 0)
    [first, *_] = sorted((tmp_path / ".dataset.partial").glob(f"parts-*/*.{suffix}"))
    first.write_bytes(first.read_bytes()[:-1])
    assert data_of(penstock.build(path).path) == whole


def test_parts_of_another_input_are_not_taken_over(
    recipe: Recipe, source: Path, tmp_path: Path
) -> None:
    path = recipe()
    broken = source.read_text() + "{broken\n"
    source.write_text(broken)
    with pytest.raises(DataError):
        penstock.build(path, workers=1)
    assert list((tmp_path / ".dataset.partial").glob("parts-*/*.json"))
    write_jsonl(source, rows(150))
    assert penstock.load_recipe(path).finished == set()
    built = penstock.build(path)
    assert built.manifest.counts["train.rows"] == 150
