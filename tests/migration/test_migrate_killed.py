"""kill -9 at any moment: nothing partial looks complete, and the next run completes."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from helpers.migration_trees import (
    cb_rows,
    contents,
    copa_rows,
    load_datasets,
    snapshot,
    write_rows,
)
from penstock.manifest import MANIFEST_NAME, read_manifest
from penstock.migration import migrate

ALL = {"pick": {"Copa": "mezo_gpt/latest"}, "all_versions": {"Copa": "mezo_gpt"}}


def assert_manifests_match_their_files(root: Path) -> None:
    """Check that every directory with a manifest, hidden or not, has exactly the listed bytes."""
    for directory, _, names in os.walk(root):
        if MANIFEST_NAME in names:
            manifest = read_manifest(Path(directory))
            assert manifest is not None
            assert manifest.mismatches(Path(directory)) == []


def file_contents(root: Path) -> set[Any]:
    """Return name and content of every file that is not hidden."""
    return {
        (Path(name).name.casefold(), content)
        for name, content in contents(root).items()
        if content is not None and not any(part.startswith(".") for part in Path(name).parts)
    }


def kill_at_every_change(
    src: Path, start: Path, tmp_path: Path, options: dict[str, Any]
) -> list[Path]:
    """Return the destinations of runs, each killed one file-system change later than the last."""
    root = tmp_path / "runs"
    root.mkdir()
    script = ("-m", "helpers.killed_migrations")
    subprocess.run(
        [sys.executable, *script, src, start, root, json.dumps(options)], check=True, timeout=300
    )
    runs = sorted((path for path in root.iterdir()), key=lambda path: int(path.name))
    assert len(runs) >= 15
    return runs


@pytest.mark.parametrize("link", [False, True], ids=["copy", "link"])
def test_a_new_destination_survives_a_kill_at_every_file_system_change(
    src: Path, tmp_path: Path, link: bool
) -> None:
    for version in ("version_1", "version_9-2", "version_13-1"):
        shutil.rmtree(src / "Copa" / "mezo_gpt" / version)
    before = snapshot(src)
    options = {**ALL, "link": link}
    runs = kill_at_every_change(src, tmp_path / "nothing", tmp_path, options)
    expected = contents(runs.pop())
    for run in runs:
        assert_manifests_match_their_files(run)
        migrate(src, run, **options)
        assert contents(run) == expected
    assert snapshot(src) == before


@pytest.mark.parametrize("manifest", [True, False], ids=["with-manifest", "without-manifest"])
def test_an_existing_destination_survives_a_kill_at_every_file_system_change(
    src: Path, tmp_path: Path, manifest: bool
) -> None:
    """It has a link instead of a copy, wrong names, other content and an extra file."""
    start = tmp_path / "start"
    only = {"only": ["Copa"], "replace": True}
    migrate(src, start, **only)
    copa = start / "Copa"
    (copa / "copa_validation.jsonl").unlink()
    (copa / "copa_validation.jsonl").symlink_to(src / "Copa" / "copa_validation.jsonl")
    if not manifest:
        (copa / MANIFEST_NAME).unlink()
        (copa / "copa_train.jsonl").rename(copa / "Copa_Train.jsonl")
    copa.rename(start / "copa")
    options = {**only, "pick": {"Copa": "mezo_gpt/latest"}}
    (src / "Copa" / "copa_test.jsonl").unlink()
    runs = kill_at_every_change(src, start, tmp_path, options)
    expected = contents(runs[-1])
    either = file_contents(start) | file_contents(runs[-1])
    for run in runs[:-1]:
        assert_manifests_match_their_files(run)
        assert file_contents(run) <= either
        migrate(src, run, **options)
        assert contents(run) == expected


@pytest.mark.parametrize("exists", [False, True], ids=["new", "existing"])
def test_a_kill_while_a_manifest_is_written_leaves_no_partial_manifest(
    src: Path, dst: Path, tmp_path: Path, exists: bool
) -> None:
    migrate(src, tmp_path / "expected")
    if exists:
        migrate(src, dst, pick={"Copa": "mezo_gpt/latest"})
    script = f"""
import os, signal
from penstock.migration import migrate
def die_midway(descriptor):
    if "Copa" in (name := os.readlink(f"/proc/self/fd/{{descriptor}}")) and "penstock.json" in name:
        os.ftruncate(descriptor, os.fstat(descriptor).st_size // 2)
        os.kill(os.getpid(), signal.SIGKILL)
os.fsync = die_midway
migrate({str(src)!r}, {str(dst)!r}, replace=True)
"""
    done = subprocess.run([sys.executable, "-c", script])
    assert done.returncode == -signal.SIGKILL
    partial = list(dst.rglob(".penstock.json.partial"))
    assert len(partial) == 1
    with pytest.raises(json.JSONDecodeError):
        json.loads(partial[0].read_text())
    assert_manifests_match_their_files(dst)
    assert read_manifest(dst / "Copa") is None
    migrate(src, dst, replace=True)
    assert contents(dst) == contents(tmp_path / "expected")


def test_a_large_migration_killed_at_random_moments_completes_with_the_same_bytes(
    tmp_path: Path,
) -> None:
    src = tmp_path / "old"
    rows = 60_000
    write_rows(src / "Copa" / "copa_train.jsonl", copa_rows(rows, "base"))
    write_rows(src / "Copa" / "copa_validation.jsonl", copa_rows(100, "validation"))
    for version in ("v1", "v2"):
        write_rows(src / "Copa" / version / "copa_train.jsonl", copa_rows(rows, version))
    write_rows(src / "CB" / "cb_train.jsonl", cb_rows(rows, "base"))
    write_rows(src / "CB" / "cb_validation.jsonl", cb_rows(100, "validation"))
    assert sum(path.stat().st_size for path in src.rglob("*.jsonl")) > 30_000_000
    before = snapshot(src)
    options = {"all_versions": {"Copa": "."}}

    def start(destination: Path) -> subprocess.Popen[bytes]:
        call = f"migrate({str(src)!r}, {str(destination)!r}, **{options!r})"
        command = f"from penstock.migration import migrate; {call}"
        return subprocess.Popen([sys.executable, "-c", command])

    started = time.monotonic()
    assert start(tmp_path / "expected").wait() == 0
    duration = time.monotonic() - started
    moments = random.Random(13)
    killed = 0
    for attempt in range(9):
        # Three consecutive kills per destination: each run starts from what the last one left.
        dst = tmp_path / f"new_{attempt // 3}"
        process = start(dst)
        time.sleep(moments.uniform(duration / 3, duration))
        process.kill()
        killed += process.wait() == -signal.SIGKILL
        assert_manifests_match_their_files(dst)
    assert killed
    for dst in tmp_path.glob("new_*"):
        assert start(dst).wait() == 0
        assert contents(dst) == contents(tmp_path / "expected")
    assert snapshot(src) == before
    assert len(list(load_datasets(dst))) == 4
