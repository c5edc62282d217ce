"""What cannot be migrated is refused before the first write, with its location and a fix."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.migration_trees import (
    contents,
    copa_rows,
    load_datasets,
    snapshot,
    write_old_tree,
    write_rows,
)
from penstock.errors import ConfigError, DataError, PenstockError
from penstock.migration import migrate

TRAIN = "copa_train.jsonl"


def refusal(src: Path, dst: Path, kind: type[PenstockError] = DataError, **options: object) -> str:
    """Return the message of a refused migration, which must not create the destination."""
    with pytest.raises(kind) as caught:
        migrate(src, dst, **options)  # type: ignore[arg-type]
    assert not dst.exists()
    return str(caught.value)


def test_a_source_without_a_dataset_lists_the_expected_directories(
    tmp_path: Path, dst: Path
) -> None:
    (tmp_path / "empty").mkdir()
    message = refusal(tmp_path / "empty", dst, ConfigError)
    assert "contains no dataset; expected directories ArcC_Cloze" in message
    assert "with files such as 'ArcC_Cloze/ARC-Challenge_train.jsonl'" in message


def test_the_message_names_a_deeper_directory_with_datasets(tmp_path: Path, dst: Path) -> None:
    deeper = write_old_tree(tmp_path / "old" / "rejection_sampling" / "0_data")
    message = refusal(tmp_path / "old", dst, ConfigError)
    assert message.endswith(f"did you mean '{deeper}'?")


def test_a_source_that_is_itself_a_dataset_is_refused_with_its_parent(src: Path, dst: Path) -> None:
    assert refusal(src / "Copa", dst, ConfigError).endswith(f"did you mean '{src}'?")


def test_a_missing_source_and_a_source_that_is_a_file(src: Path, dst: Path) -> None:
    assert "did you mean 'old'?" in refusal(src.with_name("olt"), dst, ConfigError)
    assert "is not a directory" in refusal(src / "scripts" / "run.sh", dst, ConfigError)


@pytest.mark.parametrize("split", ["train", "validation"])
def test_a_dataset_without_train_or_validation_is_refused(src: Path, dst: Path, split: str) -> None:
    (src / "CB" / "lora" / "cb_train.jsonl").unlink()
    (src / "CB" / f"cb_{split}.jsonl").unlink()
    message = refusal(src, dst)
    assert f"CB: there is no 'cb_{split}.jsonl' in '{src}/CB'" in message
    assert "--only" in message
    migrate(src, dst, only=["Copa"])


def test_a_missing_validation_file_names_the_version_that_has_one(src: Path, dst: Path) -> None:
    (src / "Copa" / "copa_validation.jsonl").rename(
        src / "Copa" / "mezo_gpt" / "version_1" / "copa_validation.jsonl"
    )
    assert "--pick Copa=mezo_gpt/version_1 has one" in refusal(src, dst)


def test_everything_that_is_missing_is_listed_at_once(src: Path, dst: Path) -> None:
    (src / "CB" / "cb_validation.jsonl").unlink()
    write_rows(src / "Copa" / TRAIN, [])
    message = refusal(src, dst)
    assert "CB: there is no 'cb_validation.jsonl'" in message
    assert f"Copa: '{src}/Copa/copa_train.jsonl' has no rows" in message


def test_two_files_that_differ_only_in_case_are_both_named(src: Path, dst: Path) -> None:
    write_rows(src / "Copa" / "Copa_Train.jsonl", copa_rows(8, "base"))
    message = refusal(src, dst)
    assert "'Copa_Train.jsonl' and 'copa_train.jsonl' differ only in case" in message
    assert f"{src}/Copa: " in message


def test_two_such_files_in_a_version_that_is_not_migrated_do_not_matter(
    src: Path, dst: Path
) -> None:
    version = src / "Copa" / "mezo_gpt" / "version_1"
    write_rows(version / "Copa_Train.jsonl", copa_rows(8, "base"))
    migrate(src, dst)
    message = refusal(src, dst.with_name("other"), pick={"Copa": "mezo_gpt/version_1"})
    assert f"{version}: 'Copa_Train.jsonl' and 'copa_train.jsonl'" in message


def test_two_directories_that_differ_only_in_case_are_both_named(src: Path, dst: Path) -> None:
    write_rows(src / "COPA" / TRAIN, copa_rows(8, "base"))
    assert "'COPA' and 'Copa' differ only in case" in refusal(src, dst)


@pytest.mark.parametrize("inside", [".", "Copa", "deep/new", "Copa/mezo_gpt"])
def test_a_destination_in_the_source_is_refused(src: Path, inside: str) -> None:
    before = snapshot(src)
    with pytest.raises(ConfigError, match=r"is inside the source .* is never written to"):
        migrate(src, src / inside)
    assert snapshot(src) == before


def test_a_destination_that_links_into_the_source_is_refused(src: Path, tmp_path: Path) -> None:
    before = snapshot(src)
    (tmp_path / "by_link").symlink_to(src)
    (tmp_path / "by_part").mkdir()
    (tmp_path / "by_part" / "Copa").symlink_to(src / "Copa")
    for destination in ("by_link", "by_link/new", "by_part"):
        with pytest.raises(ConfigError, match="is inside the source"):
            migrate(src, tmp_path / destination, link=True, replace=True)
    assert snapshot(src) == before


def test_a_file_that_the_source_links_to_is_never_replaced_by_a_link_to_itself(
    src: Path, dst: Path, tmp_path: Path
) -> None:
    migrate(src, dst, link=True)
    before = snapshot(src)
    with pytest.raises(ConfigError, match="is inside the source"):
        migrate(dst, src, link=True)
    assert snapshot(src) == before


def test_a_source_below_the_destination_is_allowed(tmp_path: Path) -> None:
    src = write_old_tree(tmp_path / "data" / "old")
    before = snapshot(src)
    migrate(src, tmp_path / "data")
    assert snapshot(src) == before
    assert (tmp_path / "data" / "Copa" / TRAIN).is_file()


def test_a_destination_that_is_a_file_is_refused(src: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "broken").symlink_to("nowhere")
    for name in ("file", "broken"):
        with pytest.raises(ConfigError, match="is not a directory"):
            migrate(src, tmp_path / name)


def test_broken_links_of_the_source_are_named(src: Path, dst: Path) -> None:
    train = src / "Copa" / TRAIN
    train.unlink()
    train.symlink_to("nowhere.jsonl")
    assert f"{train}: a broken link to 'nowhere.jsonl'; fix or remove the link" in refusal(src, dst)
    (src / "RTE").symlink_to("nowhere")
    assert f"{src}/RTE: a broken link to 'nowhere'" in refusal(src, dst)


def test_a_directory_instead_of_a_source_file_is_named(src: Path, dst: Path) -> None:
    (src / "Copa" / TRAIN).unlink()
    (src / "Copa" / TRAIN).mkdir()
    assert f"{src}/Copa/{TRAIN}: is not a file" in refusal(src, dst)


def test_a_source_file_without_permission_is_named(src: Path, dst: Path) -> None:
    (src / "Copa" / TRAIN).chmod(0)
    if os.access(src / "Copa" / TRAIN, os.R_OK):
        pytest.skip("this user may read everything")
    message = refusal(src, dst)
    assert f"{src}/Copa/{TRAIN}: cannot be read (Permission denied); fix the cause" in message


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that fails to read")
def test_a_source_file_with_a_read_error_is_named(src: Path, dst: Path) -> None:
    (src / "Copa" / TRAIN).unlink()
    (src / "Copa" / TRAIN).symlink_to("/proc/self/mem")
    assert f"{src}/Copa/{TRAIN}: cannot be read (Input/output error)" in refusal(src, dst)


def test_a_source_that_changes_between_plan_and_copy_is_named_and_nothing_is_left(
    src: Path, dst: Path
) -> None:
    """The rows counted and the rows copied must be the same rows."""
    script = f"""
import sys
from pathlib import Path
from penstock.errors import DataError
from penstock.migration import migrate
train = Path({str(src / "CB" / "cb_train.jsonl")!r})
def change(event, arguments):
    # The first directory created is the destination: the plan is complete by then.
    if event == "os.mkdir" and "more" not in train.read_text():
        train.write_text(train.read_text() + '{{"more": 1}}\\n')
sys.addaudithook(change)
try:
    migrate({str(src)!r}, {str(dst)!r})
except DataError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "cb_train.jsonl: changed during the migration" in done.stdout, done.stderr
    assert not dst.exists()


@pytest.mark.parametrize("exists", [False, True])
def test_a_full_disk_is_a_clear_error_and_leaves_no_partial_files(
    src: Path, dst: Path, exists: bool
) -> None:
    """A file size limit simulates a full disk: the write fails midway."""
    write_rows(src / "Copa" / TRAIN, copa_rows(2000, "base"))
    if exists:
        write_rows(dst / "Copa" / TRAIN, copa_rows(2, "other"))
    script = f"""
import resource
from penstock.errors import DataError
from penstock.migration import migrate
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    migrate({str(src)!r}, {str(dst)!r}, replace=True)
except DataError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert f"{dst}/Copa: cannot be written (File too large); fix the cause" in done.stdout, (
        done.stderr
    )
    left = sorted(str(path.relative_to(dst)) for path in dst.rglob("*") if path.is_file())
    assert left == [
        "CB/cb_train.jsonl",
        "CB/cb_validation.jsonl",
        "CB/penstock.json",
        *(["Copa/copa_train.jsonl"] if exists else []),
    ]
    migrate(src, dst, replace=True)
    assert len(list(load_datasets(dst))) == 2
    assert not any(name.endswith(".partial") for name in contents(dst))
