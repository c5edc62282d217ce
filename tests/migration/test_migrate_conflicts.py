"""Existing files of the destination: kept, converted, renamed, or a conflict."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from helpers.migration_trees import contents, copa_rows, load_datasets, snapshot, write_rows
from penstock.errors import ConflictError
from penstock.manifest import MANIFEST_NAME, read_manifest
from penstock.migration import Action, MigrationPlan, migrate
from penstock.migration.execution import LOCK_NAME

TRAIN = "copa_train.jsonl"


def actions(plan: MigrationPlan) -> dict[str, str]:
    """Return the action of each step that changes something, by destination."""
    return {
        step.destination.relative_to(plan.destination).as_posix(): step.action.value
        for step in plan.steps
        if step.action is not Action.KEEP
    }


def test_other_content_is_refused_before_the_first_write_and_every_conflict_listed(
    src: Path, dst: Path
) -> None:
    write_rows(dst / "Copa" / TRAIN, copa_rows(2, "other"))
    write_rows(dst / "Copa" / "copa_validation.jsonl", copa_rows(2, "other"))
    before = snapshot(dst)
    with pytest.raises(ConflictError) as caught:
        migrate(src, dst)
    assert snapshot(dst) == before
    message = str(caught.value)
    assert "2 conflicts; nothing was written" in message
    assert f"{dst}/Copa/copa_train.jsonl: has other content (" in message
    assert f"{dst}/Copa/copa_validation.jsonl: has other content (" in message
    assert "--replace" in message


def test_replace_overwrites_other_content(src: Path, dst: Path, tmp_path: Path) -> None:
    write_rows(dst / "Copa" / TRAIN, copa_rows(2, "other"))
    plan = migrate(src, dst, replace=True)
    assert actions(plan)["Copa/copa_train.jsonl"] == "replace"
    migrate(src, tmp_path / "expected")
    assert contents(dst) == contents(tmp_path / "expected")


def test_the_same_content_is_kept_and_gets_a_manifest(src: Path, dst: Path) -> None:
    migrate(src, dst)
    (dst / "Copa" / MANIFEST_NAME).unlink()
    before = (dst / "Copa" / TRAIN).stat()
    assert actions(migrate(src, dst)) == {"Copa/penstock.json": "write"}
    after = (dst / "Copa" / TRAIN).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert len(list(load_datasets(dst))) == 2


@pytest.mark.parametrize("damage", [b"", b'{"penstock": "0.', b"{}\n"])
def test_a_damaged_manifest_is_written_again(src: Path, dst: Path, damage: bytes) -> None:
    migrate(src, dst)
    right = (dst / "Copa" / MANIFEST_NAME).read_bytes()
    (dst / "Copa" / MANIFEST_NAME).write_bytes(damage)
    migrate(src, dst)
    assert (dst / "Copa" / MANIFEST_NAME).read_bytes() == right


@pytest.mark.parametrize("first_link", [False, True], ids=["copy-to-link", "link-to-copy"])
def test_a_copy_is_converted_to_a_link_and_a_link_to_a_copy(
    src: Path, dst: Path, tmp_path: Path, first_link: bool
) -> None:
    before = snapshot(src)
    migrate(src, dst, link=first_link)
    plan = migrate(src, dst, link=not first_link)
    assert actions(plan)["Copa/copa_train.jsonl"] == "convert"
    migrate(src, tmp_path / "new" / "expected", link=not first_link)
    assert contents(dst) == contents(tmp_path / "new" / "expected")
    assert snapshot(src) == before


def test_an_absolute_link_to_the_source_becomes_relative(src: Path, dst: Path) -> None:
    (dst / "Copa").mkdir(parents=True)
    (dst / "Copa" / TRAIN).symlink_to(src / "Copa" / TRAIN)
    migrate(src, dst, link=True)
    assert str((dst / "Copa" / TRAIN).readlink()) == "../../../old/Copa/copa_train.jsonl"


def test_a_hard_link_to_the_source_becomes_an_independent_copy(src: Path, dst: Path) -> None:
    (dst / "Copa").mkdir(parents=True)
    (dst / "Copa" / TRAIN).hardlink_to(src / "Copa" / TRAIN)
    migrate(src, dst)
    assert not (dst / "Copa" / TRAIN).samefile(src / "Copa" / TRAIN)


def test_names_that_differ_only_in_case_are_renamed(src: Path, dst: Path, tmp_path: Path) -> None:
    migrate(src, dst, all_versions={"Copa": "mezo_gpt"})
    (dst / "Copa" / TRAIN).rename(dst / "Copa" / "Copa_Train.jsonl")
    (dst / "Copa" / "version_1").rename(dst / "Copa" / "Version_1")
    (dst / "Copa").rename(dst / "COPA")
    plan = migrate(src, dst, all_versions={"Copa": "mezo_gpt"})
    assert actions(plan) == {
        "Copa": "rename",
        "Copa/copa_train.jsonl": "rename",
        "Copa/penstock.json": "write",
        "Copa/version_1": "rename",
    }
    migrate(src, tmp_path / "expected", all_versions={"Copa": "mezo_gpt"})
    assert contents(dst) == contents(tmp_path / "expected")


def test_another_case_with_other_content_is_a_conflict(
    src: Path, dst: Path, tmp_path: Path
) -> None:
    write_rows(dst / "copa" / "Copa_Train.jsonl", copa_rows(2, "other"))
    with pytest.raises(ConflictError, match=r"copa/Copa_Train\.jsonl: has other content"):
        migrate(src, dst)
    migrate(src, dst, replace=True)
    migrate(src, tmp_path / "expected")
    assert contents(dst) == contents(tmp_path / "expected")


@pytest.mark.parametrize("replace", [False, True])
def test_two_names_that_differ_only_in_case_are_a_conflict_even_with_replace(
    src: Path, dst: Path, replace: bool
) -> None:
    migrate(src, dst)
    write_rows(dst / "Copa" / "Copa_Train.jsonl", copa_rows(8, "base"))
    write_rows(dst / "cb" / "cb_train.jsonl", copa_rows(8, "base"))
    with pytest.raises(ConflictError) as caught:
        migrate(src, dst, replace=replace)
    assert "'Copa_Train.jsonl' and 'copa_train.jsonl' differ only in case" in str(caught.value)
    assert "'CB' and 'cb' differ only in case" in str(caught.value)
    assert "--replace" not in str(caught.value)


def test_a_file_that_the_source_lacks_is_a_conflict_that_replace_removes(
    src: Path, dst: Path
) -> None:
    migrate(src, dst)
    (src / "Copa" / "copa_test.jsonl").unlink()
    with pytest.raises(ConflictError, match=r"copa_test\.jsonl: is not in the source"):
        migrate(src, dst)
    plan = migrate(src, dst, replace=True)
    assert actions(plan)["Copa/copa_test.jsonl"] == "remove"
    assert not (dst / "Copa" / "copa_test.jsonl").exists()
    assert len(list(load_datasets(dst))) == 2


def test_a_broken_link_is_a_conflict_that_replace_resolves(src: Path, dst: Path) -> None:
    (dst / "Copa").mkdir(parents=True)
    (dst / "Copa" / TRAIN).symlink_to("nowhere")
    with pytest.raises(ConflictError, match="is a broken link to 'nowhere'"):
        migrate(src, dst)
    migrate(src, dst, replace=True)
    assert len(list(load_datasets(dst))) == 2


def test_a_directory_for_a_file_and_a_file_for_a_directory_are_never_replaced(
    src: Path, dst: Path
) -> None:
    (dst / "Copa" / TRAIN).mkdir(parents=True)
    (dst / "CB").write_text("a note\n")
    with pytest.raises(ConflictError) as caught:
        migrate(src, dst, replace=True)
    assert "CB: is not a directory; move it away" in str(caught.value)
    assert "copa_train.jsonl: is a directory" in str(caught.value)


def test_other_files_of_the_destination_are_not_touched(src: Path, dst: Path) -> None:
    write_rows(dst / "Copa" / "mine" / TRAIN, copa_rows(2, "mine"))
    (dst / "Copa" / "notes.txt").write_text("mine\n")
    (dst / ".hidden.partial").write_text("mine\n")
    migrate(src, dst)
    assert (dst / "Copa" / "mine" / TRAIN).is_file()
    assert (dst / "Copa" / "notes.txt").read_text() == "mine\n"
    assert (dst / ".hidden.partial").read_text() == "mine\n"


def test_migrating_the_same_content_from_another_source_updates_the_manifest(
    src: Path, dst: Path, tmp_path: Path
) -> None:
    migrate(src, dst)
    src.rename(tmp_path / "moved")
    assert set(actions(migrate(tmp_path / "moved", dst)).values()) == {"write"}
    manifest = read_manifest(dst / "Copa")
    assert manifest and manifest.recipe.source == str(tmp_path / "moved" / "Copa")


def test_two_migrations_never_write_to_one_destination_concurrently(src: Path, dst: Path) -> None:
    dst.mkdir(parents=True)
    with FileLock(dst / LOCK_NAME), pytest.raises(ConflictError, match="another migration"):
        migrate(src, dst)
    migrate(src, dst)
    assert sorted(path.name for path in dst.iterdir()) == ["CB", "Copa"]


def test_concurrent_migrations_leave_one_complete_result(
    src: Path, dst: Path, tmp_path: Path
) -> None:
    """Each completes, finds nothing to do, or reports that another migration is writing."""
    migrate(src, tmp_path / "expected")
    script = f"""
from penstock.errors import ConflictError
from penstock.migration import migrate
try:
    migrate({str(src)!r}, {str(dst)!r})
except ConflictError as error:
    assert "another migration" in str(error), error
"""
    processes = [subprocess.Popen([sys.executable, "-c", script]) for _ in range(6)]
    assert [process.wait() for process in processes] == [0] * 6
    assert contents(dst) == contents(tmp_path / "expected")


def test_partial_files_of_an_interrupted_run_are_listed_and_removed(src: Path, dst: Path) -> None:
    migrate(src, dst)
    before = contents(dst)
    write_rows(dst / ".RTE.partial" / "rte_train.jsonl", copa_rows(1, "half"))
    (dst / "Copa" / ".copa_train.jsonl.partial").write_text("half")
    (dst / LOCK_NAME).touch()
    plan = migrate(src, dst, dry_run=True)
    assert [path.name for path in plan.partial_paths] == [
        ".RTE.partial",
        ".copa_train.jsonl.partial",
    ]
    assert plan.notes[0] == (
        f"{dst}/.RTE.partial, unfinished by an interrupted migration, is removed"
    )
    migrate(src, dst)
    assert contents(dst) == before
