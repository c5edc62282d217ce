"""Finding the dataset that a path refers to."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.packed_data import dataset
from helpers.token_pairs import write_flat
from penstock.errors import ConfigError
from penstock.formats import FORMATS, find_dataset
from penstock.manifest import describe


def test_a_path_refers_to_the_dataset_at_it_or_the_only_one_below(tmp_path: Path) -> None:
    home = tmp_path / "notes" / "1.0.0"
    dataset("tfrecord", home)
    found = (FORMATS.get("tfrecord"), home)
    assert find_dataset(home) == find_dataset(tmp_path) == found
    prefix = write_flat(home / "inner" / "a", 3)
    assert find_dataset(home) == found
    assert find_dataset(tmp_path, ["megatron"]) == (FORMATS.get("megatron"), prefix)
    assert find_dataset(prefix.with_suffix(".bin")) == (FORMATS.get("megatron"), prefix)


def test_no_dataset_and_several_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"holds no dataset of a known format \(.*megatron"):
        find_dataset(tmp_path)
    for name in range(7):
        write_flat(tmp_path / f"part-{name}", 3)
    with pytest.raises(
        ConfigError, match=r"holds 7 datasets; name one: .*part-0, .*part-4, \.{3}$"
    ):
        find_dataset(tmp_path)
    with pytest.raises(ConfigError, match=r"there is no such dataset; did you mean 'part-0\.bin'"):
        find_dataset(tmp_path / "part-0.bim")


def test_unfinished_datasets_are_not_found(tmp_path: Path) -> None:
    for name in ("whole", ".half.partial/dataset"):
        directory = tmp_path / name
        directory.mkdir(parents=True)
        (directory / "train.jsonl").write_text('{"text": "a"}\n')
        describe(directory, ["train.jsonl"], format="jsonl", task=None).write(directory)
    assert FORMATS.get("jsonl").find(tmp_path) == [tmp_path / "whole"]
