"""The data of the demo: an old project, generated deterministically."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from penstock import check
from penstock.demo.corpus import (
    DEV_ROWS,
    TEST_ROWS,
    TRAIN_ROWS,
    VALIDATION_ROWS,
    pretraining_sentences,
    write_old_project,
)
from penstock.migration import migrate

VERSIONS = ("version_1", "version_2-1", "version_2-2", "version_3-discard")


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The old project."""
    path = tmp_path_factory.mktemp("old")
    write_old_project(path, seed=0)
    return path


@pytest.fixture(scope="module")
def migrated(old: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The old project as the demo migrates it."""
    path = tmp_path_factory.mktemp("data")
    migrate(old / "original", path / "original")
    migrate(old / "0_data", path / "synthetic", pick={"Copa": "mezo_gpt/latest"})
    return path


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def fingerprint(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*.jsonl"))
    }


def test_the_old_project_has_two_trees_and_the_versions(old: Path) -> None:
    assert set(fingerprint(old)) == {
        *(
            f"{tree}/Copa/{name}"
            for tree in ("original", "0_data")
            for name in ("copa_train.jsonl", "Copa_validation.jsonl", "copa_test.jsonl")
        ),
        *(f"0_data/Copa/mezo_gpt/{version}/copa_train.jsonl" for version in VERSIONS),
    }


def test_every_file_has_its_number_of_rows(old: Path) -> None:
    copa = old / "original" / "Copa"
    assert len(rows(copa / "copa_train.jsonl")) == TRAIN_ROWS
    assert len(rows(copa / "Copa_validation.jsonl")) == VALIDATION_ROWS
    assert [row["label"] for row in rows(copa / "copa_test.jsonl")] == [-1] * TEST_ROWS
    for version in VERSIONS:
        assert len(rows(old / f"0_data/Copa/mezo_gpt/{version}/copa_train.jsonl")) == TRAIN_ROWS


def test_the_seed_determines_every_byte(old: Path, tmp_path: Path) -> None:
    write_old_project(tmp_path / "same", seed=0)
    write_old_project(tmp_path / "other", seed=1)
    assert fingerprint(tmp_path / "same") == fingerprint(old)
    assert fingerprint(tmp_path / "other") != fingerprint(old)
    assert pretraining_sentences(0) == pretraining_sentences(0) != pretraining_sentences(1)


def test_no_premise_is_in_two_splits(migrated: Path) -> None:
    for tree in ("original", "synthetic"):
        files = [
            {
                row["premise"].strip('"')
                for row in rows(migrated / tree / f"Copa/copa_{split}.jsonl")
            }
            for split in ("train", "validation", "test")
        ]
        assert sum(map(len, files)) == len(set.union(*files))


def test_labels_and_questions_are_balanced(migrated: Path) -> None:
    train = rows(migrated / "original" / "Copa" / "copa_train.jsonl")
    for field, value in (("label", 1), ("question", "cause")):
        assert 0.4 < sum(row[field] == value for row in train) / len(train) < 0.6


def test_later_versions_rephrase_more_rows_and_never_the_dev_rows(old: Path) -> None:
    original = rows(old / "original" / "Copa" / "copa_train.jsonl")
    shares = {}
    for version in VERSIONS:
        synthetic = rows(old / f"0_data/Copa/mezo_gpt/{version}/copa_train.jsonl")
        assert synthetic[-DEV_ROWS:] == original[-DEV_ROWS:]
        changed = [new != row for new, row in zip(synthetic, original, strict=True)]
        shares[version] = sum(changed) / (TRAIN_ROWS - DEV_ROWS)
    assert shares["version_1"] < shares["version_2-1"] < shares["version_2-2"]
    assert shares["version_3-discard"] < 0.2


def test_the_migrated_data_has_only_the_findings_that_the_demo_shows(migrated: Path) -> None:
    assert check(migrated / "original").to_dict()["datasets"][0]["findings"] == []
    (synthetic,) = check(migrated / "synthetic", against=migrated / "original").datasets
    assert synthetic.ok
    assert [finding.code for finding in synthetic.findings] == ["text-quoted", "rows-identical"]


def test_the_latest_version_is_picked(old: Path, migrated: Path) -> None:
    latest = old / "0_data/Copa/mezo_gpt/version_2-2/copa_train.jsonl"
    picked = migrated / "synthetic" / "Copa" / "copa_train.jsonl"
    assert picked.read_bytes() == latest.read_bytes()
