"""`migrate` brings an old tree into the layout that loaders read, by copy or by link."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from helpers.migration_trees import cb_rows, prove, snapshot, write_rows
from penstock.formats import open_task_directory
from penstock.manifest import read_manifest
from penstock.migration import Action, migrate, plan_migration

by_copy_and_by_link = pytest.mark.parametrize("link", [False, True], ids=["copy", "link"])


@by_copy_and_by_link
def test_the_datasets_stand_under_their_exact_names_and_load(
    src: Path, dst: Path, link: bool
) -> None:
    migrate(src, dst, link=link)
    assert [path.name for path in prove(dst)] == ["CB", "Copa"]
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


def test_a_dry_run_creates_nothing_and_says_what_would_be_done(src: Path, dst: Path) -> None:
    plan = migrate(src, dst, dry_run=True)
    assert not dst.parent.exists()
    assert plan == plan_migration(src, dst) == migrate(src, dst)
    assert "copy Copa/copa_train.jsonl to Copa/copa_train.jsonl (8 rows)" in [
        step.sentence for step in plan.steps
    ]


def test_names_are_found_without_regard_to_case_and_are_exact_in_the_destination(
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


def test_the_manifest_names_the_source_the_version_the_rows_and_the_hashes(
    src: Path, dst: Path
) -> None:
    migrate(src, dst, link=True, pick={"Copa": "mezo_gpt/version_13-1"})
    manifest = read_manifest(dst / "Copa")
    assert manifest is not None
    assert (manifest.format, manifest.task) == ("task_jsonl", "copa")
    assert manifest.counts == {"train": 8, "validation": 4, "test": 3}
    assert manifest.recipe == {
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
    plan = plan_migration(src, dst)
    assert plan.datasets[0].manifest.counts["train"] == 6


@by_copy_and_by_link
def test_it_works_through_links_to_both_trees(
    src: Path, dst: Path, tmp_path: Path, link: bool
) -> None:
    """A relative link must count its steps from where the destination really is."""
    (tmp_path / "a" / "deep" / "place").mkdir(parents=True)
    (tmp_path / "old_link").symlink_to(src)
    (tmp_path / "new_link").symlink_to(tmp_path / "a" / "deep" / "place")
    migrate(tmp_path / "old_link", tmp_path / "new_link", link=link)
    assert len(list(prove(tmp_path / "a" / "deep" / "place"))) == 2
    again = migrate(src, tmp_path / "a" / "deep" / "place", link=link)
    assert not again.changed


@by_copy_and_by_link
def test_both_trees_may_be_named_from_the_working_directory(
    src: Path, dst: Path, monkeypatch: pytest.MonkeyPatch, link: bool
) -> None:
    monkeypatch.chdir(src)
    migrate(".", "../new/0_data", link=link)
    monkeypatch.chdir(dst)
    assert not migrate("../../old", ".", link=link).changed
    assert len(list(prove(dst))) == 2


def test_links_are_relative_and_survive_when_both_trees_move_together(
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


def test_a_link_in_the_source_is_followed_to_the_file(src: Path, dst: Path, tmp_path: Path) -> None:
    pool = tmp_path / "pool" / "rows.jsonl"
    pool.parent.mkdir()
    (src / "CB" / "cb_train.jsonl").rename(pool)
    (src / "CB" / "cb_train.jsonl").symlink_to(pool)
    migrate(src, dst, link=True)
    assert (dst / "CB" / "cb_train.jsonl").resolve() == pool
    assert str((dst / "CB" / "cb_train.jsonl").readlink()) == "../../../pool/rows.jsonl"


def test_copies_can_be_read_and_written_whatever_the_source_and_the_umask_allow(
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


def test_what_stays_in_the_source_is_listed_with_the_pick_that_would_take_it(
    src: Path, dst: Path
) -> None:
    write_rows(src / "CB" / "lora" / "deeper" / "cb_validation.jsonl", cb_rows(3, "deeper"))
    plan = plan_migration(src, dst, pick={"Copa": "mezo_gpt/version_13-2"})
    assert [left.sentence for left in plan.left_behind] == [
        "CB/lora: a version; --pick CB=lora takes it",
        "Copa/copa_train.jsonl: the picked version has its own",
        "Copa/mezo_gpt/version_1: a version; --pick Copa=mezo_gpt/version_1 takes it",
        "Copa/mezo_gpt/version_5-discard: a version; "
        "--pick Copa=mezo_gpt/version_5-discard takes it",
        "Copa/mezo_gpt/version_9-2: a version; --pick Copa=mezo_gpt/version_9-2 takes it",
        "Copa/mezo_gpt/version_13-1: a version; --pick Copa=mezo_gpt/version_13-1 takes it",
        "Copa/notes.txt: no file of copa",
        "scripts: no dataset's directory",
    ]
    assert plan.left_behind[0].pick == "CB=lora"


def test_every_file_of_the_source_is_migrated_or_listed(src: Path, dst: Path) -> None:
    plan = plan_migration(src, dst, all_versions={"Copa": "mezo_gpt"}, pick={"CB": "lora"})
    taken = {step.source for step in plan.steps}
    left = [left.path for left in plan.left_behind]
    for path in src.rglob("*"):
        if path.is_file():
            listed = any(path == entry or entry in path.parents for entry in left)
            assert (path in taken) != listed, path


def test_an_empty_directory_of_a_task_stays_and_is_said(src: Path, dst: Path) -> None:
    (src / "ArcC_MC").mkdir()
    plan = migrate(src, dst)
    assert [left.sentence for left in plan.left_behind if left.path.name == "ArcC_MC"] == [
        "ArcC_MC: holds no file of arcc_mc, such as 'ARC-Challenge_train.jsonl'"
    ]
    assert not (dst / "ArcC_MC").exists()


def test_only_names_the_datasets_that_are_migrated(src: Path, dst: Path) -> None:
    plan = migrate(src, dst, only=["cb"])
    assert [path.name for path in dst.iterdir()] == ["CB"]
    assert "Copa: not among the datasets of --only" in [left.sentence for left in plan.left_behind]


def test_the_plan_has_a_form_for_json(src: Path, dst: Path) -> None:
    plan = plan_migration(src, dst, link=True)
    data = plan.to_dict()
    assert (data["mode"], data["changed"]) == ("link", True)
    assert data["datasets"][0]["steps"][0] == {
        "action": "link",
        "source": str(src / "CB" / "cb_train.jsonl"),
        "destination": str(dst / "CB" / "cb_train.jsonl"),
        "sentence": "link CB/cb_train.jsonl to CB/cb_train.jsonl (6 rows)",
    }
