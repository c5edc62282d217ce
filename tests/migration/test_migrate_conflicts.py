"""What stands in the destination is kept, mended or a conflict; nothing is overwritten unasked."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from helpers.migration_trees import contents, copa_rows, prove, snapshot, write_rows
from penstock.errors import ConflictError
from penstock.manifest import MANIFEST_NAME, read_manifest
from penstock.migration import Action, MigrationPlan, migrate, plan_migration
from penstock.migration.carry import LOCK_NAME

TRAIN = "copa_train.jsonl"


def actions(plan: MigrationPlan) -> dict[str, str]:
    """The action at each destination where something is done."""
    return {
        step.destination.relative_to(plan.destination).as_posix(): step.action.value
        for step in plan.steps
        if step.action is not Action.KEEP
    }


def test_other_content_stops_everything_before_the_first_write_and_all_is_listed(
    src: Path, dst: Path
) -> None:
    write_rows(dst / "Copa" / TRAIN, copa_rows(2, "other"))
    write_rows(dst / "Copa" / "copa_validation.jsonl", copa_rows(2, "other"))
    before = snapshot(dst)
    with pytest.raises(ConflictError) as caught:
        migrate(src, dst)
    assert snapshot(dst) == before
    message = str(caught.value)
    assert "2 conflicts, and nothing is written" in message
    assert f"{dst}/Copa/copa_train.jsonl: has other content (" in message
    assert f"{dst}/Copa/copa_validation.jsonl: has other content (" in message
    assert "--replace" in message


def test_replace_puts_the_content_of_the_source_in_place(
    src: Path, dst: Path, tmp_path: Path
) -> None:
    write_rows(dst / "Copa" / TRAIN, copa_rows(2, "other"))
    plan = migrate(src, dst, replace=True)
    assert actions(plan)["Copa/copa_train.jsonl"] == "replace"
    migrate(src, tmp_path / "undisturbed")
    assert contents(dst) == contents(tmp_path / "undisturbed")


def test_the_same_content_is_kept_and_gets_its_manifest(src: Path, dst: Path) -> None:
    migrate(src, dst)
    (dst / "Copa" / MANIFEST_NAME).unlink()
    before = (dst / "Copa" / TRAIN).stat()
    assert actions(migrate(src, dst)) == {"Copa/penstock.json": "write"}
    after = (dst / "Copa" / TRAIN).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert len(list(prove(dst))) == 2


@pytest.mark.parametrize("damage", [b"", b'{"penstock": "0.', b"{}\n"])
def test_a_damaged_manifest_is_written_again(src: Path, dst: Path, damage: bytes) -> None:
    migrate(src, dst)
    right = (dst / "Copa" / MANIFEST_NAME).read_bytes()
    (dst / "Copa" / MANIFEST_NAME).write_bytes(damage)
    migrate(src, dst)
    assert (dst / "Copa" / MANIFEST_NAME).read_bytes() == right


@pytest.mark.parametrize("first_link", [False, True], ids=["copy-to-link", "link-to-copy"])
def test_a_copy_becomes_a_link_and_a_link_a_copy(
    src: Path, dst: Path, tmp_path: Path, first_link: bool
) -> None:
    before = snapshot(src)
    migrate(src, dst, link=first_link)
    plan = migrate(src, dst, link=not first_link)
    assert actions(plan)["Copa/copa_train.jsonl"] == "convert"
    migrate(src, tmp_path / "new" / "undisturbed", link=not first_link)
    assert contents(dst) == contents(tmp_path / "new" / "undisturbed")
    assert snapshot(src) == before


def test_a_link_that_leads_to_the_content_by_another_way_is_made_relative(
    src: Path, dst: Path
) -> None:
    """The links of an old guide are absolute."""
    (dst / "Copa").mkdir(parents=True)
    (dst / "Copa" / TRAIN).symlink_to(src / "Copa" / TRAIN)
    migrate(src, dst, link=True)
    assert str((dst / "Copa" / TRAIN).readlink()) == "../../../old/Copa/copa_train.jsonl"


def test_a_hard_link_to_the_source_becomes_a_copy_of_its_own(src: Path, dst: Path) -> None:
    (dst / "Copa").mkdir(parents=True)
    (dst / "Copa" / TRAIN).hardlink_to(src / "Copa" / TRAIN)
    migrate(src, dst)
    assert not (dst / "Copa" / TRAIN).samefile(src / "Copa" / TRAIN)


def test_names_that_differ_only_in_case_are_mended(src: Path, dst: Path, tmp_path: Path) -> None:
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
    migrate(src, tmp_path / "undisturbed", all_versions={"Copa": "mezo_gpt"})
    assert contents(dst) == contents(tmp_path / "undisturbed")


def test_a_name_of_other_case_with_other_content_is_a_conflict(
    src: Path, dst: Path, tmp_path: Path
) -> None:
    write_rows(dst / "copa" / "Copa_Train.jsonl", copa_rows(2, "other"))
    with pytest.raises(ConflictError, match=r"copa/Copa_Train\.jsonl: has other content"):
        migrate(src, dst)
    migrate(src, dst, replace=True)
    migrate(src, tmp_path / "undisturbed")
    assert contents(dst) == contents(tmp_path / "undisturbed")


@pytest.mark.parametrize("replace", [False, True])
def test_two_names_that_differ_only_in_case_are_for_the_user_to_decide(
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


def test_a_file_of_the_task_that_the_source_lacks_would_be_mixed_in(src: Path, dst: Path) -> None:
    migrate(src, dst)
    (src / "Copa" / "copa_test.jsonl").unlink()
    with pytest.raises(ConflictError, match=r"copa_test\.jsonl: is not in the source"):
        migrate(src, dst)
    plan = migrate(src, dst, replace=True)
    assert actions(plan)["Copa/copa_test.jsonl"] == "remove"
    assert not (dst / "Copa" / "copa_test.jsonl").exists()
    assert len(list(prove(dst))) == 2


def test_a_broken_link_is_a_conflict_that_replace_mends(src: Path, dst: Path) -> None:
    (dst / "Copa").mkdir(parents=True)
    (dst / "Copa" / TRAIN).symlink_to("nowhere")
    with pytest.raises(ConflictError, match="is a broken link to 'nowhere'"):
        migrate(src, dst)
    migrate(src, dst, replace=True)
    assert len(list(prove(dst))) == 2


def test_a_directory_in_the_place_of_a_file_and_the_reverse_are_never_replaced(
    src: Path, dst: Path
) -> None:
    (dst / "Copa" / TRAIN).mkdir(parents=True)
    (dst / "CB").write_text("a note\n")
    with pytest.raises(ConflictError) as caught:
        migrate(src, dst, replace=True)
    assert "CB: is not a directory; move it away" in str(caught.value)
    assert "copa_train.jsonl: is a directory" in str(caught.value)


def test_other_files_of_the_destination_are_left_alone(src: Path, dst: Path) -> None:
    write_rows(dst / "Copa" / "mine" / TRAIN, copa_rows(2, "mine"))
    (dst / "Copa" / "notes.txt").write_text("mine\n")
    (dst / ".hidden.partial").write_text("mine\n")
    migrate(src, dst)
    assert (dst / "Copa" / "mine" / TRAIN).is_file()
    assert (dst / "Copa" / "notes.txt").read_text() == "mine\n"
    assert (dst / ".hidden.partial").read_text() == "mine\n"


def test_a_second_migration_from_another_source_of_the_same_content_changes_the_manifest(
    src: Path, dst: Path, tmp_path: Path
) -> None:
    migrate(src, dst)
    src.rename(tmp_path / "moved")
    assert set(actions(migrate(tmp_path / "moved", dst)).values()) == {"write"}
    manifest = read_manifest(dst / "Copa")
    assert manifest and manifest.recipe["source"] == str(tmp_path / "moved" / "Copa")


def test_two_migrations_do_not_write_into_one_destination_at_once(src: Path, dst: Path) -> None:
    dst.mkdir(parents=True)
    with FileLock(dst / LOCK_NAME), pytest.raises(ConflictError, match="another migration"):
        migrate(src, dst)
    migrate(src, dst)
    assert sorted(path.name for path in dst.iterdir()) == ["CB", "Copa"]


def test_migrations_that_start_at_once_leave_one_whole_result(
    src: Path, dst: Path, tmp_path: Path
) -> None:
    """Each does its part, finds it done, or is told that another is writing."""
    migrate(src, tmp_path / "undisturbed")
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
    assert contents(dst) == contents(tmp_path / "undisturbed")


def test_what_an_earlier_run_left_unfinished_is_named_and_removed(src: Path, dst: Path) -> None:
    migrate(src, dst)
    before = contents(dst)
    write_rows(dst / ".RTE.partial" / "rte_train.jsonl", copa_rows(1, "half"))
    (dst / "Copa" / ".copa_train.jsonl.partial").write_text("half")
    (dst / LOCK_NAME).touch()
    plan = plan_migration(src, dst)
    assert [path.name for path in plan.leftovers] == [".RTE.partial", ".copa_train.jsonl.partial"]
    assert plan.notes[0] == f"{dst}/.RTE.partial is removed; a killed migration left it unfinished"
    migrate(src, dst)
    assert contents(dst) == before
