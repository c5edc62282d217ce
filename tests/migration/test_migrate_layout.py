"""`migrate` writes the layout that loaders read, by copy or by link."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from helpers.migration_trees import cb_rows, load_datasets, snapshot, write_rows
from penstock.formats import open_task_directory
from penstock.manifest import read_manifest
from penstock.migration import Action, migrate

by_copy_and_by_link = pytest.mark.parametrize("link", [False, True], ids=["copy", "link"])


@by_copy_and_by_link
def test_the_datasets_have_exact_names_and_load(src: Path, dst: Path, link: bool) -> None:
    migrate(src, dst, link=link)
    assert [path.name for path in load_datasets(dst)] == ["CB", "Copa"]
    assert sorted(path.name for path in (dst / "Copa").iterdir()) == [
        "copa_test.jsonl",
        "copa_train.jsonl",
        "copa_validation.jsonl",
        "penstock.json",
    ]
    assert (dst / "Copa" / "copa_train.jsonl").is_symlink() == link
    assert sorted(path.name for path in dst.iterdir()) == ["CB", "Copa"]


@by_copy_and_by_link
def test_nothing_in_the_source_changes(src: Path, dst: Path, link: bool) -> None:
    before = snapshot(src)
    migrate(src, dst, link=link, all_versions={"Copa": "mezo_gpt"})
    assert snapshot(src) == before


@by_copy_and_by_link
def test_a_second_run_changes_nothing(src: Path, dst: Path, link: bool) -> None:
    choices = {"pick": {"Copa": "mezo_gpt/latest"}, "all_versions": {"Copa": "mezo_gpt"}}
    assert migrate(src, dst, link=link, **choices).changed
    before = snapshot(dst)
    again = migrate(src, dst, link=link, **choices)
    assert not again.changed
    assert {step.action for step in again.steps} == {Action.KEEP}
    assert snapshot(dst) == before


def test_a_dry_run_creates_nothing_and_returns_the_plan(src: Path, dst: Path) -> None:
    plan = migrate(src, dst, dry_run=True)
    assert not dst.parent.exists()
    assert plan == migrate(src, dst)
    assert "copy Copa/copa_train.jsonl to Copa/copa_train.jsonl (8 rows)" in [
        step.description for step in plan.steps
    ]


def test_names_are_found_in_any_case_and_are_exact_in_the_destination(
    src: Path, dst: Path, tmp_path: Path
) -> None:
    expected = migrate(src, tmp_path / "expected")
    (src / "Copa").rename(src / "copa")
    (src / "copa" / "copa_train.jsonl").rename(src / "copa" / "COPA_Train.JSONL")
    plan = migrate(src, dst)
    assert sorted(path.name for path in dst.iterdir()) == ["CB", "Copa"]
    assert (dst / "Copa" / "copa_train.jsonl").is_file()
    assert [d.manifest.files for d in plan.datasets] == [
        d.manifest.files for d in expected.datasets
    ]


def test_the_manifest_lists_source_version_rows_and_hashes(src: Path, dst: Path) -> None:
    migrate(src, dst, link=True, pick={"Copa": "mezo_gpt/version_13-1"})
    manifest = read_manifest(dst / "Copa")
    assert manifest is not None
    assert (manifest.format, manifest.task) == ("task_jsonl", "copa")
    assert manifest.counts == {"train": 8, "validation": 4, "test": 3}
    assert manifest.recipe.model_dump() == {
        "kind": "migrate",
        "mode": "link",
        "source": str(src / "Copa"),
        "version": "mezo_gpt/version_13-1",
    }
    assert [entry.path for entry in manifest.inputs] == [
        str(src / "Copa" / "mezo_gpt" / "version_13-1" / "copa_train.jsonl"),
        str(src / "Copa" / "copa_validation.jsonl"),
        str(src / "Copa" / "copa_test.jsonl"),
    ]
    assert [entry.state() for entry in manifest.inputs] == ["same"] * 3
    assert manifest.mismatches(dst / "Copa") == []


def test_empty_lines_and_a_missing_final_newline_do_not_count_as_rows(src: Path, dst: Path) -> None:
    train = src / "CB" / "cb_train.jsonl"
    train.write_text(f"\n{train.read_text().rstrip()}")
    plan = migrate(src, dst, dry_run=True)
    assert plan.datasets[0].manifest.counts["train"] == 6


@by_copy_and_by_link
def test_both_trees_may_be_symbolic_links(src: Path, dst: Path, tmp_path: Path, link: bool) -> None:
    """A relative link must start from the real path of the destination."""
    (tmp_path / "a" / "deep" / "place").mkdir(parents=True)
    (tmp_path / "old_link").symlink_to(src)
    (tmp_path / "new_link").symlink_to(tmp_path / "a" / "deep" / "place")
    migrate(tmp_path / "old_link", tmp_path / "new_link", link=link)
    assert len(list(load_datasets(tmp_path / "a" / "deep" / "place"))) == 2
    again = migrate(src, tmp_path / "a" / "deep" / "place", link=link)
    assert not again.changed


@by_copy_and_by_link
def test_both_trees_may_be_relative_paths(
    src: Path, dst: Path, monkeypatch: pytest.MonkeyPatch, link: bool
) -> None:
    monkeypatch.chdir(src)
    migrate(".", "../new/0_data", link=link)
    monkeypatch.chdir(dst)
    assert not migrate("../../old", ".", link=link).changed
    assert len(list(load_datasets(dst))) == 2


def test_links_are_relative_and_stay_valid_when_both_trees_move_together(
    src: Path, dst: Path, tmp_path: Path
) -> None:
    migrate(src, dst, link=True)
    target = (dst / "Copa" / "copa_train.jsonl").readlink()
    assert str(target) == "../../../old/Copa/copa_train.jsonl"
    moved = tmp_path / "elsewhere" / "and_deeper"
    moved.mkdir(parents=True)
    src.rename(moved / "old")
    dst.parent.rename(moved / "new")
    assert len(open_task_directory(moved / "new" / "0_data" / "Copa").rows("train")) == 8


def test_a_link_in_the_source_is_resolved_to_the_file(src: Path, dst: Path, tmp_path: Path) -> None:
    pool = tmp_path / "pool" / "rows.jsonl"
    pool.parent.mkdir()
    (src / "CB" / "cb_train.jsonl").rename(pool)
    (src / "CB" / "cb_train.jsonl").symlink_to(pool)
    migrate(src, dst, link=True)
    assert (dst / "CB" / "cb_train.jsonl").resolve() == pool
    assert str((dst / "CB" / "cb_train.jsonl").readlink()) == "../../../pool/rows.jsonl"


def test_copies_are_readable_and_writable_whatever_source_mode_and_umask(
    src: Path, dst: Path
) -> None:
    (src / "CB" / "cb_train.jsonl").chmod(0o400)
    # A directory made under this umask could not be entered.
    (dst / "CB").mkdir(parents=True)
    before = os.umask(0o677)
    try:
        migrate(src, dst, only=["CB"])
    finally:
        os.umask(before)
    assert (dst / "CB" / "cb_train.jsonl").stat().st_mode & 0o600 == 0o600


def test_unmigrated_paths_are_listed_with_the_pick_that_migrates_them(src: Path, dst: Path) -> None:
    write_rows(src / "CB" / "lora" / "deeper" / "cb_validation.jsonl", cb_rows(3, "deeper"))
    plan = migrate(src, dst, pick={"Copa": "mezo_gpt/version_13-2"}, dry_run=True)
    assert [item.description for item in plan.unmigrated] == [
        "CB/lora: a version; use --pick CB=lora",
        "Copa/copa_train.jsonl: the picked version has its own",
        "Copa/mezo_gpt/version_1: a version; use --pick Copa=mezo_gpt/version_1",
        "Copa/mezo_gpt/version_5-discard: a version; use --pick Copa=mezo_gpt/version_5-discard",
        "Copa/mezo_gpt/version_9-2: a version; use --pick Copa=mezo_gpt/version_9-2",
        "Copa/mezo_gpt/version_13-1: a version; use --pick Copa=mezo_gpt/version_13-1",
        "Copa/notes.txt: not a file of copa",
        "scripts: not a dataset directory",
    ]
    assert plan.unmigrated[0].pick == "CB=lora"


def test_every_file_of_the_source_is_migrated_or_listed(src: Path, dst: Path) -> None:
    plan = migrate(src, dst, all_versions={"Copa": "mezo_gpt"}, pick={"CB": "lora"}, dry_run=True)
    migrated = {step.source for step in plan.steps}
    left = [item.path for item in plan.unmigrated]
    for path in src.rglob("*"):
        if path.is_file():
            listed = any(path == entry or entry in path.parents for entry in left)
            assert (path in migrated) != listed, path


def test_an_empty_task_directory_is_listed_as_unmigrated(src: Path, dst: Path) -> None:
    (src / "ArcC_MC").mkdir()
    plan = migrate(src, dst)
    assert [item.description for item in plan.unmigrated if item.path.name == "ArcC_MC"] == [
        "ArcC_MC: contains no file of arcc_mc, such as 'ARC-Challenge_train.jsonl'"
    ]
    assert not (dst / "ArcC_MC").exists()


def test_only_selects_the_datasets_to_migrate(src: Path, dst: Path) -> None:
    plan = migrate(src, dst, only=["cb"])
    assert [path.name for path in dst.iterdir()] == ["CB"]
    assert "Copa: not among the datasets of --only" in [
        item.description for item in plan.unmigrated
    ]


def test_the_plan_converts_to_a_json_document(src: Path, dst: Path) -> None:
    plan = migrate(src, dst, link=True, dry_run=True)
    data = plan.to_dict()
    assert (data["mode"], data["changed"]) == ("link", True)
    assert data["datasets"][0]["steps"][0] == {
        "action": "link",
        "source": str(src / "CB" / "cb_train.jsonl"),
        "destination": str(dst / "CB" / "cb_train.jsonl"),
        "description": "link CB/cb_train.jsonl to CB/cb_train.jsonl (6 rows)",
    }
