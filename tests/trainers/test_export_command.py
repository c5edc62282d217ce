"""`penstock export` as a process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from helpers.command import penstock
from helpers.packed_data import dataset
from penstock.config import parse_yaml


@pytest.fixture
def home(tmp_path: Path) -> Path:
    directory = tmp_path / "notes" / "1.0.0"
    dataset("tfrecord", directory)
    return directory


def test_settings_are_yaml_on_stdout_and_notes_on_stderr(home: Path, tmp_path: Path) -> None:
    done = penstock("export", "maxtext", home, cwd=tmp_path)
    assert done.returncode == 0
    settings = parse_yaml(done.stdout).data
    assert settings["dataset_name"] == "notes:1.0.0"
    assert settings["train_data_columns"] == ["inputs"]
    assert "loses targets, positions and segmentations" in done.stderr


def test_output_writes_the_settings_to_a_file(home: Path, tmp_path: Path) -> None:
    done = penstock("export", "maxtext", home, "--output", "data.yml", "--quiet", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "data.yml").read_text() == done.stdout


def test_an_existing_file_with_other_content_is_kept(home: Path, tmp_path: Path) -> None:
    command = ("export", "maxtext", home, "--output", "data.yml", "--quiet")
    (tmp_path / "data.yml").write_text("mine: 1\n")
    done = penstock(*command, cwd=tmp_path)
    assert done.returncode == 2
    assert "data.yml: has other content; remove it, or name another file" in done.stderr
    assert (tmp_path / "data.yml").read_text() == "mine: 1\n"
    (tmp_path / "data.yml").unlink()
    assert [penstock(*command, cwd=tmp_path).returncode for _ in range(2)] == [0, 0]


def test_json_has_settings_and_notes(home: Path, tmp_path: Path) -> None:
    done = penstock("export", "maxtext", home, "--format", "json", cwd=tmp_path)
    document = json.loads(done.stdout)
    assert document["settings"]["max_target_length"] == 12
    assert document["loses"]


def test_csv_has_one_row_per_key(home: Path, tmp_path: Path) -> None:
    done = penstock("export", "maxtext", home, "--format", "csv", cwd=tmp_path)
    lines = done.stdout.splitlines()
    assert lines[0] == "key,value"
    assert "packing,false" in lines


def test_an_unknown_trainer_exits_with_2(home: Path, tmp_path: Path) -> None:
    done = penstock("export", "maxtxt", home, cwd=tmp_path)
    assert done.returncode == 2
    assert "did you mean 'maxtext'?" in done.stderr
