"""The backup tree of a real project: it migrates by copy and by link, and loads."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.migration_trees import load_datasets, snapshot
from penstock.files import sha256_of
from penstock.formats import open_task_directory
from penstock.migration import migrate


@pytest.fixture
def backup(shared_data: Path) -> Path:
    return shared_data / "tasks" / "backup" / "rejection_sampling" / "0_data"


@pytest.mark.parametrize("link", [False, True], ids=["copy", "link"])
def test_the_backup_tree_migrates_and_loads_and_is_not_modified(
    backup: Path, dst: Path, link: bool
) -> None:
    before = snapshot(backup)
    plan = migrate(backup, dst, link=link, pick={"Copa": "mezo_gpt/latest"})
    directories = [path.name for path in load_datasets(dst)]
    assert directories == ["ArcC_Cloze", "BOOLQ", "CB", "Copa", "RTE"]
    assert {d.task: d.manifest.counts for d in plan.datasets} == {
        "arcc_cloze": {"train": 1119, "validation": 299, "test": 1172},
        "boolq": {"train": 1000, "validation": 3270},
        "cb": {"train": 250, "validation": 56, "test": 250},
        "copa": {"train": 400, "validation": 100, "test": 500},
        "rte": {"train": 1000, "validation": 277, "test": 3000},
    }
    latest = backup / "Copa" / "mezo_gpt" / "version_13-2" / "copa_train.jsonl"
    assert sha256_of(dst / "Copa" / "copa_train.jsonl") == sha256_of(latest)
    assert snapshot(backup) == before
    after = snapshot(dst)
    assert not migrate(backup, dst, link=link, pick={"Copa": "mezo_gpt/latest"}).changed
    assert snapshot(dst) == after


def test_all_nine_versions_of_copa_become_complete_datasets(backup: Path, dst: Path) -> None:
    migrate(backup, dst, all_versions={"Copa": "mezo_gpt"}, only=["Copa"])
    versions = sorted(path.name for path in load_datasets(dst) if path.parent.name == "Copa")
    assert versions == [
        "version_1",
        "version_10-1",
        "version_10-2",
        "version_13-1",
        "version_13-2",
        "version_2",
        "version_3",
        "version_5-discard",
        "version_9-2",
    ]
    for version in versions:
        dataset = open_task_directory(dst / "Copa" / version)
        assert dataset.task.name == "copa"
        assert len(dataset.rows("train")) == 400
        assert len(dataset.rows("validation")) == 100
        source = backup / "Copa" / "mezo_gpt" / version / "copa_train.jsonl"
        assert sha256_of(dataset.file("train")) == sha256_of(source)


def test_unmigrated_versions_are_listed_with_the_pick_that_migrates_them(
    backup: Path, dst: Path
) -> None:
    plan = migrate(backup, dst, pick={"Copa": "mezo_gpt/latest"}, dry_run=True)
    picks = [item.pick for item in plan.unmigrated if item.pick]
    assert picks[:2] == ["CB=lora", "Copa=mezo_gpt/version_1"]
    assert "RTE=backup" in picks
    assert len(picks) == 10


def test_all_six_originals_migrate(shared_data: Path, dst: Path) -> None:
    plan = migrate(shared_data / "tasks" / "original", dst)
    assert [dataset.directory.name for dataset in plan.datasets] == [
        "ArcC_Cloze",
        "ArcC_MC",
        "BOOLQ",
        "CB",
        "Copa",
        "RTE",
    ]
    assert plan.unmigrated == ()
    assert len(list(load_datasets(dst))) == 6


def test_the_root_of_the_backup_is_refused_with_the_directory_to_use(
    shared_data: Path, backup: Path, dst: Path
) -> None:
    with pytest.raises(Exception, match=rf"did you mean '{backup}'\?"):
        migrate(shared_data / "tasks" / "backup", dst)
